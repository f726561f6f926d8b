"""POST /v1/chat/completions over a scripted model: passed through, translated, and with the interpreter."""
import base64
import json
import threading

import pytest
from support import machine
from support.api import error_of, leave, lines
from support.provider import WIRES, Call, Disconnect, Fail, Forever, Gate, Reasoning, Refusal, Refuse, Turn, Usage, python
from support.wires import MODELS, WiresServer

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "Tells it.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
ASK = [{"role": "user", "content": "6 * 7?"}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MODEL = {"chat": "gpt-scripted", "responses": "gpt-scripted", "anthropic": "claude-scripted"}


@pytest.fixture
def model(provider, fresh_server, tmp_path):
    """model(script, wire=…) -> (client, scripted): a server whose model says what the script says."""
    made = []

    def make(script, wire="chat", *flags, config=None, **options):
        scripted = provider(script, **options)
        tables = {"providers": {"openai": {"wire": "responses"}}} if wire == "responses" else {}
        path = tmp_path / f"config-{len(made)}.json"
        path.write_text(json.dumps({**tables, **(config or {})}))
        server = fresh_server("--config", str(path), *flags, env=scripted.environment(wire))
        client = server.client()
        client.server, client.model = server, MODEL[wire]
        made.append(client)
        return client, scripted

    yield make
    for client in made:
        client.close()


def body_of(client, messages=ASK, **fields):
    return {"model": client.model, "messages": messages, **fields}


def ask(client, messages=ASK, **fields):
    answer = client.post("/v1/chat/completions", json=body_of(client, messages, **fields))
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client, messages=ASK, status=400, **fields):
    answer = client.post("/v1/chat/completions", json=body_of(client, messages, **fields))
    assert answer.status_code == status, answer.text
    return error_of(answer)


def stream(client, messages=ASK, comments=None, **fields):
    """All chunks of a stream that ends with [DONE]; its comments go into the list `comments`."""
    body = body_of(client, messages, stream=True, **fields)
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = [line for line in lines(answer) if line]
    if comments is not None:
        comments += [line[1:].strip() for line in told if line.startswith(":")]
    data = [line[5:].strip() for line in told if line.startswith("data:")]
    assert data.pop() == "[DONE]"
    return [json.loads(one) for one in data]


def together(chunks):
    """What a client makes of chunks: the completion they tell of."""
    message, finish, usage = {"content": None, "refusal": None}, None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            assert choice["index"] == 0
            finish = choice["finish_reason"] or finish
            for key, value in choice["delta"].items():
                if key == "tool_calls":
                    for part in value:
                        calls = message.setdefault("tool_calls", [])
                        if part["index"] == len(calls):
                            calls.append({"id": part["id"], "type": "function", "function": {
                                "name": part["function"]["name"], "arguments": ""}})
                        calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
                elif key in ("content", "refusal") and value is not None:
                    message[key] = (message[key] or "") + value
                elif value is not None:
                    message[key] = value
    return {"message": message, "finish_reason": finish, "usage": usage}


def alike(value, key=None):
    """Without what differs from one asking to the next."""
    if isinstance(value, dict):
        return {k: alike(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [alike(v) for v in value]
    return "…" if key in ("id", "container_id", "execution_id", "file_id", "filename") and value else value


# ---- passed through ----------------------------------------------------------------------------------


def test_a_plain_request_goes_through_as_it_is(model):
    client, scripted = model([Turn("It is ", "42."), Turn("It is ", "42.")])
    fields = {"temperature": 0.5, "seed": 7, "user": "me", "tools": [WEATHER], "logprobs": False}
    answer = ask(client, **fields)
    assert answer["choices"][0]["message"]["content"] == "It is 42."
    assert "cloche" not in answer and answer["id"] == f"chatcmpl-{1:016x}{0:08x}"  # the provider's own
    assert scripted.requests[0].body == body_of(client, **fields)
    chunks = stream(client, stream_options={"include_usage": True}, **fields)
    assert together(chunks)["message"]["content"] == "It is 42." and chunks[-1]["usage"]["total_tokens"] == 15
    assert scripted.requests[1].body == body_of(
        client, stream=True, stream_options={"include_usage": True}, **fields)


def test_the_routed_name_is_the_providers(model):
    client, scripted = model([Turn("hi")])
    ask(client, model="openai/gpt-scripted")
    assert scripted.requests[0].body["model"] == "gpt-scripted"


@pytest.mark.parametrize("kind,status,code", [
    ("authentication", 502, "provider_authentication"), ("rate_limit", 429, "provider_rate_limited"),
    ("overloaded", 503, "provider_overloaded"), ("server_error", 502, "provider_failed"),
    ("context_length", 400, "context_length_exceeded"), ("model_not_found", 400, "model_not_found")])
@pytest.mark.parametrize("streamed", [False, True])
def test_refusals_of_a_pass_through_are_typed(model, kind, status, code, streamed):
    client, _ = model([Refuse(kind, retry_after=3)])
    answer = client.post("/v1/chat/completions", json=body_of(client, stream=streamed))
    assert answer.status_code == status, answer.text
    error = error_of(answer)
    assert error["code"] == code and "sk-" not in error["message"]
    assert answer.headers.get("retry-after") == "3"


def test_a_pass_through_that_breaks_says_so(model):
    client, _ = model([Turn("one ", Disconnect(), "two"), Turn("one ", Fail("overloaded"), "two")])
    with client.stream("POST", "/v1/chat/completions", json=body_of(client, stream=True)) as answer:
        told = [json.loads(line[5:]) for line in lines(answer) if line.startswith("data:")]
    assert told[1]["choices"][0]["delta"]["content"] == "one "
    assert told[-1]["error"]["code"] == "provider_unreachable"
    with client.stream("POST", "/v1/chat/completions", json=body_of(client, stream=True)) as answer:
        told = [json.loads(line[5:]) for line in lines(answer) if line.startswith("data:") and "[DONE]" not in line]
    assert "overloaded" in told[-1]["error"]["message"]


def test_a_provider_that_is_not_there(model):
    client, scripted = model([])
    scripted.stop()
    assert refused(client, status=502)["code"] == "provider_unreachable"
    scripted.start()  # the fixture stops it again


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_leaves_ends_a_pass_through(model, streamed):
    gate = Gate()
    client, scripted = model([Turn("a", gate, "b")])
    leave(client.server, "/v1/chat/completions", body_of(client, stream=streamed), lambda: gate.reached.wait(60))
    assert scripted.requests[0].ended.wait(60) and scripted.requests[0].left


# ---- with the interpreter ----------------------------------------------------------------------------

TWO_ROUNDS = [Turn(python("print('hi')\n6*7", size=5), usage=Usage(10, 2, 5, 1)),
              Turn("It is ", "42. 😀", usage=Usage(20, 3, 7, 2))]


@pytest.mark.parametrize("wire", WIRES)
def test_code_is_run(model, wire):
    client, scripted = model(TWO_ROUNDS, wire)
    answer = ask(client, tools=[INTERPRETER])
    assert answer["object"] == "chat.completion" and answer["id"].startswith("chatcmpl-")
    choice, = answer["choices"]
    message = choice["message"]
    assert choice["finish_reason"] == "stop" and choice["logprobs"] is None and choice["index"] == 0
    assert set(message) == {"role", "content", "refusal", "code_interpreter"}
    assert message["content"] == "It is 42. 😀" and message["refusal"] is None and message["role"] == "assistant"
    ran = message["code_interpreter"]
    call, = ran["calls"]
    assert ran["container_id"].startswith("cntr_") and call["container_id"] == ran["container_id"]
    assert set(call) == {"id", "type", "status", "code", "container_id", "execution_id", "outputs"}
    assert call["type"] == "code_interpreter_call" and call["id"].startswith("ci_") and call["status"] == "completed"
    assert call["code"] == "print('hi')\n6*7" and call["outputs"] == [{"type": "logs", "logs": "hi\n42"}]
    assert ran["citations"] == []
    assert answer["cloche"] == {"cost": None, "currency": "usd", "masked": {}}
    assert answer["usage"] == {
        "prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42, "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 0 if wire == "anthropic" else 3}}
    assert "42" in scripted.requests[1].seen.results()[0]["text"]


SCRIPTS = {
    "code": (TWO_ROUNDS, [INTERPRETER]),
    "no code": ([Turn("Hello.")], [INTERPRETER]),
    "text first": ([Turn("Let me ", "see.", python("1")), Turn("One.")], [INTERPRETER]),
    "error": ([Turn(python("1/0")), Turn("It failed.")], [INTERPRETER]),
    "two calls": ([Turn(python("a = 1"), python("a + 1")), Turn("2")], [INTERPRETER]),
    "file": ([Turn("Now. é", python("open('é.txt', 'w').write('x')")), Turn("Here: [é](sandbox:/mnt/data/é.txt)")],
             [INTERPRETER]),
    "figure": ([Turn(python("import matplotlib.pyplot as p\np.plot([1,2])\np.show()")), Turn("A line.")], [INTERPRETER]),
    "function": ([Turn("Asking.", Call("weather", '{"city":', ' "Bern"}'))], [INTERPRETER, WEATHER]),
    "function alone": ([Turn(Call("weather", '{"city":', ' "Bern"}'), Call("weather", "{}"))], [INTERPRETER, WEATHER]),
    "both": ([Turn(python("1"), Call("weather", '{"city": "Bern"}'))], [INTERPRETER, WEATHER]),
    "refusal": ([Turn(Refusal("I will ", "not."))], [INTERPRETER]),
    "cut": ([Turn("Half an ans", finish="length")], [INTERPRETER]),
    "filtered": ([Turn("Half", finish="content_filter")], [INTERPRETER]),
    "nothing": ([Turn("")], [INTERPRETER]),
}


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    scripts = {name: script for name, (script, _) in SCRIPTS.items()}
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("chat"), scripts) as running, running.client() as client:
        yield client


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("wire", MODELS)
def test_streamed_and_not_are_the_same(wires, wire, name):
    client, tools, said = wires, SCRIPTS[name][1], [{"role": "user", "content": name}]
    client.model = MODELS[wire]
    whole = ask(client, said, tools=tools)
    chunks = stream(client, said, tools=tools, stream_options={"include_usage": True})
    streamed = together(chunks)
    assert alike(streamed["message"]) == alike(whole["choices"][0]["message"])
    assert streamed["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert streamed["usage"] == whole["usage"]
    assert {c["id"] for c in chunks} == {chunks[0]["id"]} and chunks[0]["model"] == whole["model"]
    assert {c["object"] for c in chunks} == {"chat.completion.chunk"}
    assert all(c["usage"] is None for c in chunks[:-1]) and chunks[-1]["choices"] == []
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    last = [c for c in chunks if c["choices"] and c["choices"][0]["finish_reason"]]
    assert last == chunks[-2:-1] and "code_interpreter" in last[0]["choices"][0]["delta"]
    assert last[0]["cloche"] == whole["cloche"]


def test_comments_while_code_runs(model):
    client, _ = model(TWO_ROUNDS)
    comments = []
    chunks = stream(client, comments=comments, tools=[INTERPRETER])
    assert comments == ["running code", "code has run"]
    assert "usage" not in chunks[0] and all(c["choices"] for c in chunks)  # it was not asked for


def test_text_comes_while_the_model_writes(model):
    gate = Gate()
    client, _ = model([Turn("first", gate, " second")])
    with client.stream("POST", "/v1/chat/completions", json=body_of(client, stream=True, tools=[INTERPRETER])) as answer:
        told = lines(answer)
        first = next(line for line in told if line.startswith("data:"))
        assert json.loads(first[5:])["choices"][0]["delta"] == {"role": "assistant", "content": "first"}
        gate.open()
        assert any("second" in line for line in told)


def test_texts_and_citations_are_joined(model):
    client, _ = model([
        Turn("Ünd: 😀", python("open('a.txt', 'w').write('x')\nopen('b.txt', 'w').write('y')")),
        Turn("See [a](sandbox:/mnt/data/a.txt).")])
    message = ask(client, tools=[INTERPRETER])["choices"][0]["message"]
    assert message["content"] == "Ünd: 😀\n\nSee [a](sandbox:/mnt/data/a.txt)."
    ran = message["code_interpreter"]
    cited, = ran["citations"]
    assert cited["type"] == "container_file_citation" and cited["filename"] == "a.txt"
    assert cited["container_id"] == ran["container_id"]
    assert message["content"][cited["start_index"]:cited["end_index"]] == "sandbox:/mnt/data/a.txt"
    content = client.get(f"/v1/containers/{ran['container_id']}/files/{cited['file_id']}/content")
    assert content.text == "x"
    assert {f["path"] for f in ran["calls"][0]["files"]} == {"/mnt/data/a.txt", "/mnt/data/b.txt"}


@pytest.mark.data_science
def test_figures_come_along(model):
    client, _ = model([Turn(python("import matplotlib.pyplot as p\np.plot([1,2])\np.show()")), Turn("A line.")])
    ran = ask(client, tools=[INTERPRETER])["choices"][0]["message"]["code_interpreter"]
    image, = [output for output in ran["calls"][0]["outputs"] if output["type"] == "image"]
    assert base64.b64decode(image["url"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    cited, = ran["citations"]
    assert cited["start_index"] == cited["end_index"] == 0 and cited["filename"].startswith("cfile_")


def test_a_container_by_name_keeps_its_variables(model):
    client, _ = model([Turn(python("x = 6")), Turn("set"), Turn(python("x * 7")), Turn("42")])
    ran = ask(client, tools=[{"type": "code_interpreter"}])["choices"][0]["message"]["code_interpreter"]
    again = ask(client, tools=[{"type": "code_interpreter", "container": ran["container_id"]}])
    ran_again = again["choices"][0]["message"]["code_interpreter"]
    assert ran_again["calls"][0]["outputs"] == [{"type": "logs", "logs": "42"}]
    assert ran_again["container_id"] == ran["container_id"]


def test_a_message_sent_back_brings_its_container_and_code(model):
    client, scripted = model([Turn(python("x = 6")), Turn("set"), Turn(python("x * 7")), Turn("42")])
    message = ask(client, tools=[INTERPRETER])["choices"][0]["message"]
    later = [*ASK, message, {"role": "user", "content": "times 7?"}]
    again = ask(client, later, tools=[INTERPRETER])["choices"][0]["message"]["code_interpreter"]
    assert again["container_id"] == message["code_interpreter"]["container_id"]
    assert again["calls"][0]["outputs"] == [{"type": "logs", "logs": "42"}]
    seen = scripted.requests[2].seen.items
    assert [i["kind"] for i in seen] == ["message", "call", "result", "message", "message"]
    assert json.loads(seen[1]["arguments"]) == {"code": "x = 6"}


@pytest.mark.parametrize("wire", WIRES)
def test_functions_are_the_clients(model, wire):
    client, scripted = model([
        Turn(python("1 + 1"), Call("weather", '{"city": "Bern"}')), Turn("Rain, ", "and 2.")], wire)
    first = ask(client, tools=[INTERPRETER, WEATHER])["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    call, = first["message"]["tool_calls"]
    assert call["type"] == "function" and call["function"] == {"name": "weather", "arguments": '{"city": "Bern"}'}
    assert first["message"]["content"] is None
    assert first["message"]["code_interpreter"]["calls"][0]["outputs"] == [{"type": "logs", "logs": "2"}]
    messages = [*ASK, first["message"], {"role": "tool", "tool_call_id": call["id"], "content": "Rain."}]
    second = ask(client, messages, tools=[INTERPRETER, WEATHER])["choices"][0]
    assert second["finish_reason"] == "stop" and second["message"]["content"] == "Rain, and 2."
    texts = [result["text"] for result in scripted.requests[1].seen.results()]
    assert "2" in texts[0] and texts[-1] == "Rain."


def test_files_and_images_of_messages(model):
    client, scripted = model([Turn(python("print(open('data.csv').read())")), Turn("Read.")])
    content = [{"type": "text", "text": "Look."},
               {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
               {"type": "file", "file": {"filename": "data.csv", "file_data": base64.b64encode(b"a,b\n1,2").decode()}}]
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": content}]
    ran = ask(client, messages, tools=[INTERPRETER])["choices"][0]["message"]["code_interpreter"]
    assert ran["calls"][0]["outputs"] == [{"type": "logs", "logs": "a,b\n1,2\n"}]
    seen = scripted.requests[0].seen
    assert "Be brief." in seen.system and "data.csv" in seen.system
    assert len(seen.items[0]["images"]) == 1
    uploaded = client.post("/v1/files", files={"file": ("u.txt", b"up")}, data={"purpose": "user_data"}).json()
    scripted.script += [Turn(python("print(open('u.txt').read())")), Turn("Read.")]
    messages = [{"role": "user", "content": [{"type": "file", "file": {"file_id": uploaded["id"]}}]}]
    ran = ask(client, messages, tools=[INTERPRETER])["choices"][0]["message"]["code_interpreter"]
    assert ran["calls"][0]["outputs"] == [{"type": "logs", "logs": "up\n"}]


def test_settings_reach_the_model(model):
    client, scripted = model([Turn("{}")], extra_fields={"top_k"})
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    ask(client, tools=[INTERPRETER, WEATHER], response_format=wanted, temperature=0.25, top_p=0.5, max_tokens=99, seed=7,
        tool_choice={"type": "function", "function": {"name": "weather"}}, parallel_tool_calls=False, top_k=5,
        frequency_penalty=0.5, presence_penalty=None)
    body = scripted.requests[0].body
    assert body["response_format"] == wanted and body["temperature"] == 0.25 and body["top_p"] == 0.5
    assert body["max_tokens"] == 99 and body["parallel_tool_calls"] is False
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["seed"] == 7 and body["top_k"] == 5 and body["frequency_penalty"] == 0.5
    assert "presence_penalty" not in body and {t["function"]["name"] for t in body["tools"]} == {"python", "weather"}


def test_max_tool_calls_and_budget(model):
    client, _ = model([Turn(python("1")), Turn("Enough.")])
    message = ask(client, tools=[INTERPRETER], max_tool_calls=1)["choices"][0]["message"]
    assert len(message["code_interpreter"]["calls"]) == 1 and message["content"] == "Enough."
    error = refused(client, budget=1)  # also without the interpreter: a pass-through could not keep it
    assert error["param"] == "budget"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_fails(model, streamed):
    client, _ = model([Refuse("authentication"), Turn("Half", Fail("context_length"))])
    error = refused(client, status=502, tools=[INTERPRETER], stream=streamed)
    assert error["code"] == "provider_authentication"
    if not streamed:
        assert refused(client, tools=[INTERPRETER])["code"] == "context_length_exceeded"
        return
    body = body_of(client, tools=[INTERPRETER], stream=True)
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        told = [json.loads(line[5:]) for line in lines(answer) if line.startswith("data:")]  # and no [DONE]
    assert told[0]["choices"][0]["delta"]["content"] == "Half"
    assert told[-1]["error"]["code"] == "context_length_exceeded" and set(told[-1]["error"]) == {
        "message", "type", "param", "code"}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_client_that_leaves_ends_the_run(model, streamed):
    gate = Gate()
    client, scripted = model([Turn("a", gate, "b")])
    body = body_of(client, stream=streamed, tools=[INTERPRETER])
    leave(client.server, "/v1/chat/completions", body, lambda: gate.reached.wait(60))
    assert scripted.requests[0].ended.wait(60) and scripted.requests[0].left


def test_a_client_that_leaves_interrupts_its_code(model):
    client, _ = model([Turn(python("print('begun')\nimport time\ntime.sleep(50)")), Turn("never")])
    container = client.post("/v1/containers", json={"name": "c", "environment": "base"}).json()["id"]
    tools = [{"type": "code_interpreter", "container": container}]
    path = f"/v1/containers/{container}/executions"
    with client.stream("POST", "/v1/chat/completions", json=body_of(client, stream=True, tools=tools)) as answer:
        told = lines(answer)  # to drop it would be to leave at once
        assert next(line for line in told if line) == ": running code"
    machine.wait_until(lambda: [e["status"] for e in client.get(path).json()["data"]] == ["interrupted"], 10)


# ---- translated --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["responses", "anthropic"])
def test_other_wires_are_translated(model, wire):
    script = [Turn(Reasoning("hm"), "It is ", "42.", usage=Usage(10, 4, 5))] * 2
    client, scripted = model(script, wire)
    messages = [{"role": "system", "content": "Brief."}, *ASK, {"role": "assistant", "content": "What?"},
                {"role": "user", "content": [{"type": "text", "text": "6"}, {"type": "text", "text": "* 7"}]}]
    whole = ask(client, messages, max_completion_tokens=50)
    choice = whole["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "It is 42.", "refusal": None}
    assert choice["finish_reason"] == "stop"
    assert whole["usage"]["prompt_tokens"] == 10 and whole["usage"]["prompt_tokens_details"] == {"cached_tokens": 4}
    chunks = stream(client, messages, stream_options={"include_usage": True}, max_completion_tokens=50)
    assert together(chunks)["message"] == choice["message"] and together(chunks)["usage"] == whole["usage"]
    seen = scripted.requests[0].seen
    assert seen.system == "Brief." and seen.max_tokens == 50 and not seen.tools
    assert [i["role"] for i in seen.items] == ["user", "assistant", "user"]


@pytest.mark.parametrize("wire", ["responses", "anthropic"])
def test_functions_are_translated(model, wire):
    client, scripted = model([Turn(Call("weather", '{"city": "Bern"}'), Call("weather", '{"city": "Rom"}')),
                              Turn("Rain and sun.")], wire)
    first = ask(client, tools=[WEATHER], tool_choice="required")["choices"][0]
    assert first["finish_reason"] == "tool_calls" and len(first["message"]["tool_calls"]) == 2
    results = [{"role": "tool", "tool_call_id": c["id"], "content": [{"type": "text", "text": t}]}
               for c, t in zip(first["message"]["tool_calls"], ["Rain.", "Sun."])]
    answer = ask(client, [*ASK, first["message"], *results], tools=[WEATHER])["choices"][0]
    assert answer["message"]["content"] == "Rain and sun."
    assert [r["text"] for r in scripted.requests[1].seen.results()] == ["Rain.", "Sun."]


def test_stop_is_translated_where_it_can_be(model):
    client, scripted = model([Turn("a"), Turn("b")], "anthropic")
    ask(client, stop="END")
    ask(client, stop=["END", "."])
    assert [r.body["stop_sequences"] for r in scripted.requests] == [["END"], ["END", "."]]
    other, _ = model([], "responses")
    assert refused(other, stop="END")["param"] == "stop"


def test_without_a_model(fresh_server):
    with fresh_server("--find-local", "off").client() as client:
        answer = client.post("/v1/chat/completions", json={"model": "offline", "messages": [
            {"role": "user", "content": "What is 6 * 7?"}]})
        assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"], answer.text
        answer = client.post("/v1/chat/completions", json={"model": "gpt-4o", "messages": ASK})
        assert answer.status_code == 400 and error_of(answer)["code"] == "provider_not_configured"


# ---- what is refused ---------------------------------------------------------------------------------

AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
REFUSED = [
    ({"messages": None}, "missing_required_parameter", "messages"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": "hi"}, "invalid_type", "messages"),
    ({"messages": ["hi"]}, "invalid_type", "messages[0]"),
    ({"messages": [{"content": "x"}]}, "missing_required_parameter", "messages[0].role"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "invalid_value", "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "invalid_type", "messages[0].content"),
    ({"messages": [*ASK, {"role": "assistant", "content": None}]}, "missing_required_parameter", "messages[1].content"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "missing_required_parameter",
     "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "movie"}]}]}, "invalid_value", "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [AUDIO]}]}, "unsupported_parameter", "messages[0].content[0].type"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "invalid_type",
     "messages[0].content[0].image_url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "missing_required_parameter",
     "messages[0].content[0].image_url.url"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]},
     "invalid_value", "messages[0].content[0].image_url"),
    ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-none"}}]}]}, "not_found",
     "messages"),
    ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "unsupported_parameter", "messages[0].role"),
    ({"messages": [*ASK, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]},
     "missing_required_parameter", "messages[1].tool_calls[0].function.arguments"),
    ({"messages": [*ASK, {"role": "assistant", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}, "invalid_value", "messages"),
    ({"messages": [*ASK, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "invalid_value", "messages"),
    ({"messages": [*ASK, {"role": "tool", "content": "x"}]}, "missing_required_parameter", "messages[1].tool_call_id"),
    ({"tools": [INTERPRETER, {"type": "web_search"}]}, "unsupported_tool", "tools[1].type"),
    ({"tools": [INTERPRETER, {"type": "function"}]}, "missing_required_parameter", "tools[1].function"),
    ({"tools": [INTERPRETER, {"type": "function", "function": {"name": "python"}}]}, "invalid_value", "tools"),
    ({"tools": [{"type": "code_interpreter", "container": "cntr_none"}]}, "not_found", None),
    ({"tool_choice": {"type": "function", "function": {"name": "nope"}}}, "invalid_value", "tool_choice"),
    ({"n": 2}, "unsupported_parameter", "n"),
    ({"stop": ["x"]}, "unsupported_parameter", "stop"),
    ({"logprobs": True}, "unsupported_parameter", "logprobs"),
    ({"modalities": ["text", "audio"]}, "unsupported_parameter", "modalities"),
    ({"functions": [{"name": "f"}]}, "unsupported_parameter", "functions"),
    ({"temperature": 3}, "decimal_above_max_value", "temperature"),
    ({"max_tokens": 0}, "integer_below_min_value", "max_tokens"),
    ({"response_format": {"type": "json_schema"}}, "missing_required_parameter", "response_format.json_schema"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
    ({"model": None}, "missing_required_parameter", "model"),
    ({"model": "claude-9"}, "provider_not_configured", "model"),
]


def test_what_is_refused_and_how(model):
    client, scripted = model([])
    for fields, code, param in REFUSED:
        status = 404 if code == "not_found" else 400
        body = {**body_of(client, tools=[INTERPRETER]), **fields}
        answer = client.post("/v1/chat/completions", json=body)
        assert answer.status_code == status, (fields, answer.text)
        error = error_of(answer)
        assert (error["code"], error["param"]) == (code, param), (fields, error)
        assert error["type"] == "invalid_request_error"
    assert not scripted.requests


def test_unprefixed_and_concurrent(model):
    client, _ = model([Forever(Turn("fine"))])
    answers = []

    def one():
        answer = client.post("/chat/completions", json=body_of(client, tools=[INTERPRETER]))
        answers.append(answer.json()["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == ["fine"] * 8

"""POST /v1/responses over a scripted model: streams, objects, containers, what is refused."""
import base64
import json
import threading

import pytest
from support import machine
from support.api import error_of, events, leave
from support.provider import Call, Disconnect, Forever, Gate, Reasoning, Refuse, Turn, Usage, python

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = "code_interpreter_call.outputs"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture
def model(provider, fresh_server):
    """model(script, …) -> (client, scripted): a server whose model says what the script says."""
    made = []

    def make(script, *flags, **options):
        scripted = provider(script, **options)
        server = fresh_server(*flags, env=scripted.environment("chat"))
        client = server.client()
        made.append(client)
        client.server = server
        return client, scripted

    yield make
    for client in made:
        client.close()


def ask(client, **fields):
    answer = client.post("/v1/responses", json={"model": "gpt-scripted", "input": "go", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def stream(client, path="/v1/responses", **fields):
    """All events of a streamed response, checked for what holds of every stream."""
    body = {"model": "gpt-scripted", "input": "go", "stream": True, **fields}
    with client.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        return checked(events(answer))


def replay(client, response_id, after=None, **query):
    query = {"stream": "true", **({} if after is None else {"starting_after": after}), **query}
    with client.stream("GET", f"/v1/responses/{response_id}", params=query) as answer:
        assert answer.status_code == 200, answer.read()
        return checked(events(answer), after=-1 if after is None else after)


def checked(pairs, after=-1):
    found = []
    for name, event in pairs:
        assert name == event["type"]
        assert event["sequence_number"] == after + 1 + len(found)
        found.append(event)
    return found


def get(client, response, **query):
    answer = client.get(f"/v1/responses/{response['id']}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def text_of(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message"
                   for part in item["content"] if part["type"] == "output_text")


def calls_of(response):
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


TWO_ROUNDS = [Turn(python("print('hi')\n6*7", size=5), usage=Usage(10, 2, 5, 1)),
              Turn("It is ", "42. 😀", usage=Usage(20, 3, 7, 2))]


# ---- one answer --------------------------------------------------------------------------------------


def test_a_call_and_an_answer(model):
    client, scripted = model(TWO_ROUNDS)
    response = ask(client, tools=[INTERPRETER], include=[OUTPUTS], metadata={"k": "v"}, instructions="Be brief.")
    call, message = response["output"]
    assert call["type"] == "code_interpreter_call" and call["status"] == "completed"
    assert call["code"] == "print('hi')\n6*7" and call["container_id"].startswith("cntr_")
    assert call["outputs"] == [{"type": "logs", "logs": "hi\n42"}]
    assert message["content"] == [{"type": "output_text", "text": "It is 42. 😀", "annotations": [], "logprobs": []}]
    assert response["usage"] == {
        "input_tokens": 30, "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 5}, "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 42}
    assert response["tools"] == [INTERPRETER] and response["metadata"] == {"k": "v"}
    assert response["instructions"] == "Be brief." and response["completed_at"] >= response["created_at"]
    assert response["cloche"] == {"cost": None, "currency": "usd", "masked": {}}
    assert [item["id"].split("_")[0] for item in response["output"]] == ["ci", "msg"]
    result = scripted.requests[1].seen.results()[0]
    assert "42" in result["text"]


def test_the_stream_is_in_openais_order(model):
    client, _ = model(TWO_ROUNDS)
    told = stream(client, tools=[INTERPRETER])
    types = [event["type"] for event in told]
    deltas = [t for t in types if t.endswith("call_code.delta")]
    assert len(deltas) > 2
    short = [t for t, after in zip(types, types[1:] + [None]) if t != after]
    assert short == [
        "response.created", "response.in_progress", "response.output_item.added",
        "response.code_interpreter_call.in_progress", "response.code_interpreter_call_code.delta",
        "response.code_interpreter_call_code.done", "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed", "response.output_item.done", "response.output_item.added",
        "response.content_part.added", "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done", "response.completed"]
    code = "".join(e["delta"] for e in told if e["type"] == "response.code_interpreter_call_code.delta")
    assert code == "print('hi')\n6*7"
    assert told[0]["response"]["status"] == "in_progress" and told[0]["response"]["output"] == []
    assert told[0]["response"]["usage"] is None and told[0]["response"]["service_tier"] == "auto"


SCRIPTS = {
    "included": (TWO_ROUNDS, {"tools": [INTERPRETER], "include": [OUTPUTS]}),
    "two calls": ([Turn(python("a = 1"), python("a + 1")), Turn("2")], {"tools": [INTERPRETER], "include": [OUTPUTS]}),
    "reasoning": ([Turn(Reasoning("hm, ", "well"), "Yes.")], {}),
    "cut": ([Turn("Half an ans", finish="length")], {"max_output_tokens": 16}),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_stream_builds_the_object(model, name):
    """What accumulators do: the object's output is the items as they were done, their text the deltas together."""
    script, fields = SCRIPTS[name]
    client, _ = model(script)
    told = stream(client, **fields)
    final = told[-1]["response"]
    done = {e["output_index"]: e["item"] for e in told if e["type"] == "response.output_item.done"}
    assert [done[i] for i in sorted(done)] == final["output"]
    for i, item in enumerate(final["output"]):
        pieces = [e["delta"] for e in told if e.get("output_index") == i and e["type"].endswith(".delta")]
        whole = {"message": lambda: item["content"][0]["text"], "code_interpreter_call": lambda: item["code"],
                 "reasoning": lambda: item["summary"][0]["text"]}[item["type"]]()
        assert "".join(pieces) == whole


def test_a_replay_begins_anywhere(model):
    client, _ = model(TWO_ROUNDS)
    told = stream(client, tools=[INTERPRETER], include=[OUTPUTS])
    identifier = told[0]["response"]["id"]
    for n in range(len(told)):
        assert replay(client, identifier, after=n) == told[n + 1:]
    answer = client.get(f"/v1/responses/{identifier}", params={"stream": "true", "starting_after": "x"})
    assert answer.status_code == 400 and error_of(answer)["param"] == "starting_after"


def test_what_was_kept_outlives_the_server(model):
    client, _ = model(TWO_ROUNDS)
    told = stream(client, tools=[INTERPRETER], include=[OUTPUTS])
    before = told[-1]["response"]
    client.server.kill_server()
    assert get(client, before) == before
    assert replay(client, before["id"]) == told


# ---- what is shown of outputs ------------------------------------------------------------------------


def test_outputs_only_when_included(model):
    client, _ = model(TWO_ROUNDS)
    told = stream(client, tools=[INTERPRETER])
    response = told[-1]["response"]
    added = next(e for e in told if e["type"] == "response.output_item.added")
    assert added["item"]["outputs"] is None and calls_of(response)[0]["outputs"] is None
    assert calls_of(get(client, response))[0]["outputs"] is None
    later = get(client, response, **{"include[]": OUTPUTS})
    assert calls_of(later)[0]["outputs"] == [{"type": "logs", "logs": "hi\n42"}]
    told = replay(client, response["id"], **{"include[]": OUTPUTS})
    assert calls_of(told[-1]["response"])[0]["outputs"] == [{"type": "logs", "logs": "hi\n42"}]


@pytest.mark.data_science
def test_a_figure_comes_as_a_data_url_and_a_file(model):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('done')"
    client, _ = model([Turn(python(plot)), Turn("Here.")])
    response = ask(client, tools=[INTERPRETER], include=[OUTPUTS])
    call = calls_of(response)[0]
    image, logs = call["outputs"]
    assert logs == {"type": "logs", "logs": "done\n"} and image["type"] == "image"
    head, data = image["url"].split(",")
    assert head == "data:image/png;base64"
    picture = base64.b64decode(data)
    assert picture.startswith(b"\x89PNG")
    annotation, = response["output"][1]["content"][0]["annotations"]
    assert annotation["type"] == "container_file_citation" and annotation["container_id"] == call["container_id"]
    assert (annotation["start_index"], annotation["end_index"]) == (0, 0)
    assert annotation["filename"] == f"{annotation['file_id']}.png"
    path = f"/v1/containers/{call['container_id']}/files/{annotation['file_id']}"
    assert client.get(f"{path}/content").content == picture
    assert client.get(path).json()["path"].endswith(".png")


def test_files_are_cited_where_the_answer_names_them(model):
    code = "open('a b.csv', 'w').write('1')\nopen('b.txt', 'w').write('2')\nopen('c.txt', 'w').write('3')"
    answer = "😀 See [it](sandbox:/mnt/data/a%20b.csv) and [that](sandbox:/mnt/data/b.txt)."
    client, _ = model([Turn(python(code)), Turn(answer)])
    response = ask(client, tools=[INTERPRETER])
    text = text_of(response)
    found = response["output"][1]["content"][0]["annotations"]
    assert text == answer
    assert [(a["filename"], text[a["start_index"]:a["end_index"]]) for a in found] == [
        ("a b.csv", "sandbox:/mnt/data/a%20b.csv"), ("b.txt", "sandbox:/mnt/data/b.txt")]
    call = calls_of(response)[0]
    assert {f["path"] for f in call["files"]} == {"/mnt/data/a b.csv", "/mnt/data/b.txt", "/mnt/data/c.txt"}
    path = f"/v1/containers/{call['container_id']}/files"
    assert client.get(f"{path}/{found[0]['file_id']}/content").content == b"1"


@pytest.mark.parametrize("code, status, last", [
    ("raise ValueError('x')", "completed", "ValueError: x"),
    pytest.param("import os; os._exit(3)", "failed", "killed"),
])
def test_statuses_of_calls(model, code, status, last):
    client, _ = model([Turn(python(code)), Turn("Well.")])
    call, = calls_of(ask(client, tools=[INTERPRETER], include=[OUTPUTS]))
    assert call["status"] == status
    assert last in call["outputs"][-1]["logs"].splitlines()[-1]


# ---- containers ----------------------------------------------------------------------------------------


def test_a_container_lives_on_from_one_response_to_the_next(model):
    client, scripted = model([Turn(python("x = 5")), Turn("Kept."), Turn(python("x + 1")), Turn("Six.")])
    first = ask(client, tools=[INTERPRETER])
    second = ask(client, tools=[INTERPRETER], include=[OUTPUTS], previous_response_id=first["id"], input="And now?")
    assert calls_of(second)[0]["container_id"] == calls_of(first)[0]["container_id"]
    assert calls_of(second)[0]["outputs"] == [{"type": "logs", "logs": "6"}]
    assert second["previous_response_id"] == first["id"]
    said = json.dumps(scripted.requests[2].body, ensure_ascii=False)
    assert "Kept." in said and "And now?" in said


def test_a_container_by_its_id(model):
    client, _ = model([Turn(python("x = 5")), Turn("a"), Turn(python("x")), Turn("b")])
    container = client.post("/v1/containers", json={"name": "mine", "environment": "base"}).json()["id"]
    tool = {"type": "code_interpreter", "container": container}
    assert calls_of(ask(client, tools=[tool]))[0]["container_id"] == container
    second = ask(client, tools=[tool], include=[OUTPUTS])
    assert calls_of(second)[0]["outputs"] == [{"type": "logs", "logs": "5"}] and second["tools"] == [tool]


def test_a_missing_container_is_auto(model):
    client, _ = model(TWO_ROUNDS)
    response = ask(client, tools=[{"type": "code_interpreter"}])
    assert response["tools"] == [INTERPRETER] and calls_of(response)[0]["container_id"].startswith("cntr_")


def test_auto_with_files_and_memory(model):
    client, _ = model([Turn(python("print(open('d.csv').read())")), Turn("ok")])
    kept = client.post("/v1/files", files={"file": ("d.csv", b"a,b")}, data={"purpose": "user_data"}).json()
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [kept["id"]], "memory_limit": "1g"}}
    response = ask(client, tools=[tool], include=[OUTPUTS])
    assert response["tools"] == [tool]
    assert calls_of(response)[0]["outputs"] == [{"type": "logs", "logs": "a,b\n"}]
    container = client.get(f"/v1/containers/{calls_of(response)[0]['container_id']}").json()
    assert container["memory_limit"] == "1g"


def test_files_and_images_in_the_input_lie_in_the_container(model):
    code = "import os\nprint(sorted(os.listdir('.')))\nprint(open('a.csv').read(), open('a (2).csv').read())"
    client, scripted = model([Turn(python(code)), Turn("ok")])
    kept = client.post("/v1/files", files={"file": ("a.csv", b"two")}, data={"purpose": "user_data"}).json()
    content = [{"type": "input_text", "text": "look"},
               {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64," + base64.b64encode(b"one").decode()},
               {"type": "input_file", "file_id": kept["id"]},
               {"type": "input_image", "image_url": "data:image/png;base64," + base64.b64encode(PNG).decode()}]
    response = ask(client, tools=[INTERPRETER], include=[OUTPUTS], input=[{"role": "user", "content": content}])
    assert calls_of(response)[0]["outputs"] == [
        {"type": "logs", "logs": "['a (2).csv', 'a.csv', 'image.png']\none two\n"}]
    said = json.dumps(scripted.requests[0].body)
    assert "/mnt/data/a (2).csv" in said and base64.b64encode(PNG).decode() in said
    items = client.get(f"/v1/responses/{response['id']}/input_items").json()["data"]
    parts = items[0]["content"]
    assert parts[1] == {"type": "input_file", "file_id": None, "filename": "a.csv"}
    assert parts[3]["image_url"] is None
    shown = client.get(f"/v1/responses/{response['id']}/input_items", params={"include[]": "message.input_image.image_url"})
    assert shown.json()["data"][0]["content"][3]["image_url"].startswith("data:image/png;base64,")


def test_replayed_items_lead_to_their_container(model):
    client, scripted = model([Turn(python("x = 5")), Turn("Kept."), Turn(python("x")), Turn("Five.")])
    first = ask(client, tools=[INTERPRETER], include=[OUTPUTS])
    again = [{"role": "user", "content": "go"}, *first["output"], {"role": "user", "content": "and?"}]
    second = ask(client, tools=[INTERPRETER], include=[OUTPUTS], input=again)
    assert calls_of(second)[0]["container_id"] == calls_of(first)[0]["container_id"]
    assert calls_of(second)[0]["outputs"] == [{"type": "logs", "logs": "5"}]
    roles = [m["role"] for m in scripted.requests[2].body["messages"] if m["role"] != "system"]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_items_by_reference(model):
    client, scripted = model([Turn(python("x = 5\nprint('printed')")), Turn("Kept."), Turn("Yes.")])
    first = ask(client, tools=[INTERPRETER])
    given = client.get(f"/v1/responses/{first['id']}/input_items").json()["data"]
    references = [{"type": "item_reference", "id": item["id"]} for item in given + first["output"]]
    ask(client, tools=[INTERPRETER], input=[*references, {"role": "user", "content": "sure?"}])
    said = json.dumps(scripted.requests[2].body)
    assert "printed" in said and "Kept." in said and "go" in said


# ---- functions of the client --------------------------------------------------------------------------


FUNCTION = {"type": "function", "name": "weather", "description": "d", "strict": False,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def test_a_function_goes_to_the_client_and_back(model):
    client, scripted = model([Turn(Call("weather", '{"city": "Ulm"}')), Turn("Rain.")])
    first = ask(client, tools=[FUNCTION, INTERPRETER])
    call = first["output"][0]
    assert first["status"] == "completed" and call["type"] == "function_call" and call["name"] == "weather"
    assert call["arguments"] == '{"city": "Ulm"}' and call["status"] == "completed"
    second = ask(client, tools=[FUNCTION, INTERPRETER], previous_response_id=first["id"],
                 input=[{"type": "function_call_output", "call_id": call["call_id"], "output": "wet"}])
    assert text_of(second) == "Rain."
    assert scripted.requests[1].seen.results()[0]["text"] == "wet"


def test_code_and_a_function_in_one_turn(model):
    client, _ = model([Turn(python("2 + 2"), Call("weather", '{"city": "Ulm"}')), Turn("Both.")])
    first = ask(client, tools=[FUNCTION, INTERPRETER], include=[OUTPUTS])
    code, call = first["output"]
    assert code["outputs"] == [{"type": "logs", "logs": "4"}] and call["type"] == "function_call"
    second = ask(client, tools=[FUNCTION, INTERPRETER], previous_response_id=first["id"],
                 input=[{"type": "function_call_output", "call_id": call["call_id"],
                         "output": [{"type": "input_text", "text": "wet"}]}])
    assert text_of(second) == "Both."


def test_results_belong_to_calls(model):
    client, _ = model([Turn(Call("weather", "{}"))])
    first = ask(client, tools=[FUNCTION])
    stray = client.post("/v1/responses", json={"model": "gpt-scripted", "input": [
        {"type": "function_call_output", "call_id": "call_9", "output": "x"}]})
    assert stray.status_code == 400
    assert error_of(stray)["message"] == "No tool call found for function call output with call_id call_9."
    open_call = client.post("/v1/responses", json={"model": "gpt-scripted", "input": "go", "previous_response_id": first["id"]})
    assert open_call.status_code == 400
    assert error_of(open_call)["message"].startswith("No tool output found for function call call_")


# ---- background, cancel, store ---------------------------------------------------------------------------


def test_background_is_polled(model):
    gate = Gate()
    client, _ = model([Turn("a", gate, "b")])
    response = ask(client, background=True)
    assert response["status"] in ("queued", "in_progress") and response["background"] is True
    assert gate.reached.wait(60)
    gate.open()
    final = machine.wait_until(lambda: (r := get(client, response))["status"] == "completed" and r, 10)
    assert text_of(final) == "ab"


def test_background_is_streamed_resumed_and_polled(model):
    gate = Gate()
    client, _ = model([Turn("a", gate, "b")])
    body = {"model": "gpt-scripted", "input": "go", "stream": True, "background": True}
    with client.stream("POST", "/v1/responses", json=body) as answer:
        told = []
        for name, event in events(answer):
            told.append(event)
            if name == "response.output_text.delta":
                break
    assert [e["type"] for e in told[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert told[0]["response"]["status"] == "queued"
    identifier = told[0]["response"]["id"]
    heard = []
    listener = threading.Thread(target=lambda: heard.extend(replay(client, identifier, after=told[-1]["sequence_number"])))
    listener.start()
    gate.open()
    listener.join(60)
    assert heard[-1]["type"] == "response.completed"
    assert text_of(heard[-1]["response"]) == "ab"
    assert told + heard == replay(client, identifier)


def test_background_is_cancelled(model):
    gate = Gate()
    client, scripted = model([Turn("a", gate, "b")])
    response = ask(client, background=True)
    assert gate.reached.wait(60)
    machine.wait_until(lambda: text_of(get(client, response)) == "a", 5)
    for _ in range(2):
        cancelled = client.post(f"/v1/responses/{response['id']}/cancel")
        assert cancelled.status_code == 200 and cancelled.json()["status"] == "cancelled"
    assert text_of(cancelled.json()) == "a" and cancelled.json()["output"][0]["status"] == "incomplete"
    assert scripted.requests[0].ended.wait(60) and scripted.requests[0].left
    gate.open()


def test_cancel_interrupts_code(model):
    client, _ = model([Turn(python("import time\nprint('on')\ntime.sleep(60)")), Turn("no")])
    response = ask(client, background=True, tools=[INTERPRETER])
    machine.wait_until(lambda: any(c["status"] == "interpreting" for c in calls_of(get(client, response))), 20)
    cancelled = client.post(f"/v1/responses/{response['id']}/cancel").json()
    assert cancelled["status"] == "cancelled" and calls_of(cancelled)[0]["status"] == "incomplete"


def test_only_background_is_cancelled(model):
    client, _ = model([Turn("x")])
    response = ask(client)
    answer = client.post(f"/v1/responses/{response['id']}/cancel")
    assert answer.status_code == 400 and error_of(answer)["message"] == "Cannot cancel a synchronous response."
    answer = client.post("/v1/responses/resp_none/cancel")
    assert answer.status_code == 404 and error_of(answer)["message"] == "Response with id 'resp_none' not found."


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_goes_away_ends_its_run(model, streamed):
    gate = Gate()
    client, scripted = model([Turn("a", gate, "b")])
    body = {"model": "gpt-scripted", "input": "go", "stream": streamed}
    if streamed:
        with client.stream("POST", "/v1/responses", json=body) as answer:
            told = events(answer)  # to drop it would be to leave at once
            next(told)
            assert gate.reached.wait(60)
    else:
        leave(client.server, "/v1/responses", body, lambda: gate.reached.wait(60))
    assert scripted.requests[0].ended.wait(60) and scripted.requests[0].left
    gate.open()


def test_what_is_not_stored_is_not_found(model):
    client, _ = model([Turn("x"), Turn("y")])
    response = ask(client, store=False)
    assert response["store"] is False
    path = f"/v1/responses/{response['id']}"
    for answer in (client.get(path), client.delete(path), client.get(f"{path}/input_items")):
        assert answer.status_code == 404
        assert error_of(answer)["message"] == f"Response with id '{response['id']}' not found."
    answer = client.post("/v1/responses", json={"model": "gpt-scripted", "input": "x", "previous_response_id": response["id"]})
    assert answer.status_code == 400 and error_of(answer)["code"] == "previous_response_not_found"
    assert error_of(answer)["message"] == f"Previous response with id '{response['id']}' not found."
    told = stream(client, store=False)
    assert told[-1]["type"] == "response.completed"


def test_delete(model):
    client, _ = model([Turn("x")])
    response = ask(client)
    path = f"/v1/responses/{response['id']}"
    assert client.delete(path).json() == {"id": response["id"], "object": "response", "deleted": True}
    assert client.get(path).status_code == 404 and client.delete(path).status_code == 404


# ---- input items -------------------------------------------------------------------------------------------


def test_input_items_are_normalised_and_paged(model):
    client, _ = model([Turn("x")])
    response = ask(client, input=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
                                  {"role": "developer", "content": [{"type": "input_text", "text": "three"}]}])
    path = f"/v1/responses/{response['id']}/input_items"
    page = client.get(path).json()
    assert page["object"] == "list" and page["has_more"] is False
    assert [item["role"] for item in page["data"]] == ["developer", "assistant", "user"]
    assert page["first_id"] == page["data"][0]["id"] and page["last_id"] == page["data"][-1]["id"]
    assert page["data"][2] == {"id": page["data"][2]["id"], "type": "message", "status": "completed", "role": "user",
                               "content": [{"type": "input_text", "text": "one"}]}
    assert page["data"][1]["content"] == [{"type": "output_text", "text": "two", "annotations": [], "logprobs": []}]
    one = client.get(path, params={"limit": 1, "order": "asc"}).json()
    assert one["data"][0]["role"] == "user" and one["has_more"] is True
    rest = client.get(path, params={"order": "asc", "after": one["last_id"]}).json()
    assert [item["role"] for item in rest["data"]] == ["assistant", "developer"]
    assert client.get(path, params={"limit": 0}).status_code == 400


def test_input_tokens(client):
    few = client.post("/v1/responses/input_tokens", json={"model": "m", "input": "hello"}).json()
    assert few["object"] == "response.input_tokens" and few["input_tokens"] > 0
    many = client.post("/v1/responses/input_tokens", json={"input": "hello " * 1000}).json()
    assert many["input_tokens"] > 100 * few["input_tokens"] / 10


# ---- paths -------------------------------------------------------------------------------------------------


def test_paths_without_the_prefix(model):
    client, _ = model([Turn("x"), Turn("y")])
    assert stream(client, path="/responses")[-1]["type"] == "response.completed"
    response = client.post("/responses", json={"model": "gpt-scripted", "input": "go"}).json()
    assert client.get(f"/responses/{response['id']}").json() == response
    assert client.get("/models").json()["object"] == "list"
    assert client.get(f"/responses/{response['id']}/input_items").json()["object"] == "list"


# ---- what is refused -----------------------------------------------------------------------------------------

MODEL = {"model": "gpt-scripted"}
INPUT = {**MODEL, "input": "x"}
LONG = "a" * 65

REFUSED = [
    ({"input": "x"}, 400, "missing_required_parameter", "model", "Missing required parameter: 'model'."),
    ({**MODEL, "messages": []}, 400, "unsupported_parameter", None, "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'."),
    (MODEL, 400, "missing_required_parameter", None, "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided."),
    ({**INPUT, "temperature": "hot"}, 400, "invalid_type", "temperature", "Invalid type for 'temperature': expected a decimal, but got a string instead."),
    ({**MODEL, "input": [None]}, 400, "invalid_type", "input[0]", "Invalid type for 'input[0]': expected an input item, but got null instead."),
    ({**INPUT, "truncation": "bogus"}, 400, "invalid_value", "truncation", "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'."),
    ({**INPUT, "max_output_tokens": 0}, 400, "integer_below_min_value", "max_output_tokens", "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 0 instead."),
    ({**INPUT, "metadata": {str(n): "" for n in range(17)}}, 400, "object_above_max_properties", "metadata", "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an object with 17 properties instead."),
    ({**INPUT, "previous_response_id": "a b"}, 400, "invalid_value", "previous_response_id", "Invalid 'previous_response_id': 'a b'. Expected an ID that contains letters, numbers, underscores, or dashes, but this value contained additional characters."),
    ({**INPUT, "previous_response_id": "resp_x"}, 400, "previous_response_not_found", "previous_response_id", "Previous response with id 'resp_x' not found."),
    ({**INPUT, "conversation": "conv_x"}, 404, "not_found", None, "Conversation with id 'conv_x' not found."),
    ({**MODEL, "input": [{"type": "item_reference", "id": "rs_1"}]}, 404, "not_found", "input", "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."),
    ({**INPUT, "previous_response_id": "resp_x", "conversation": "conv_x"}, 400, "mutually_exclusive_parameters", None, "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'previous_response_id' or 'conversation'."),
    ({**INPUT, "tools": [{"type": "code_interpreter", "container": "cntr_x"}]}, 404, "not_found", None, "Container with id 'cntr_x' not found."),
    ({**INPUT, "tools": [{"type": "code_interpreter", "container": LONG}]}, 400, "string_above_max_length", "tools[0].container", "Invalid 'tools[0].container': string too long."),
    ({**INPUT, "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-x"]}}]}, 404, "not_found", "tools.container.file_ids[0]", "No such File object: file-x"),
    ({**INPUT, "tools": [{"type": "web_search"}]}, 400, "unsupported_tool", "tools[0].type", "Unsupported tool: 'web_search' is not available on this server."),
    ({**INPUT, "tools": [{"type": "code_interpreter", "container": {"type": "auto", "network_policy": {"type": "allowlist"}}}]}, 400, "unsupported_parameter", "tools[0].container.network_policy", "Unsupported parameter: 'tools[0].container.network_policy' other than 'disabled'"),
    ({**INPUT, "prompt": {"id": "pmpt_1"}}, 400, "unsupported_parameter", "prompt", "Unsupported parameter: 'prompt'"),
    ({**INPUT, "background": True, "store": False}, 400, "invalid_value", "background", "Invalid 'background': it needs 'store' to be true."),
    ({"model": "claude-9", "input": "x"}, 400, "provider_not_configured", "model", ""),
    # the order of the checks: model, then foreign names, then input, then fields, then what they name
    ({"messages": [], "temperature": "hot"}, 400, "missing_required_parameter", "model", ""),
    ({**MODEL, "messages": [], "temperature": "hot"}, 400, "unsupported_parameter", None, ""),
    ({**MODEL, "temperature": "hot"}, 400, "missing_required_parameter", None, ""),
    ({**INPUT, "previous_response_id": "resp_x", "temperature": "hot"}, 400, "invalid_type", "temperature", ""),
    ({"model": "claude-9", "input": "x", "previous_response_id": "resp_x"}, 400, "previous_response_not_found", "previous_response_id", ""),
]


@pytest.fixture(scope="module")
def refusing(cloche, environments, tmp_path_factory):
    from support.server import Server
    with Server(cloche, tmp_path_factory.mktemp("refusing") / "state", environments,
                env={"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}) as server, server.client() as client:
        yield client


@pytest.mark.parametrize("body, status, code, param, message", REFUSED)
@pytest.mark.parametrize("streamed", [False, True])
def test_refusals(refusing, streamed, body, status, code, param, message):
    answer = refusing.post("/v1/responses", json={**body, "stream": streamed})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param), error
    assert error["message"].startswith(message) and answer.headers["content-type"] == "application/json"
    assert error["type"] == "invalid_request_error" and answer.headers["x-request-id"].startswith("req_")


def test_what_is_not_there_says_so(refusing):
    for path in ("/v1/responses/compact",):
        answer = refusing.post(path, json={})
        assert answer.status_code == 400 and path in error_of(answer)["message"]
    for answer in (refusing.get("/v1/responses/resp_x"), refusing.get("/v1/responses/%20")):
        assert answer.status_code == 404 and "not found" in error_of(answer)["message"]
    answer = refusing.get("/v1/responses/resp_x/input_items")
    assert answer.status_code == 404


def test_an_expired_container(model):
    client, _ = model([Turn(python("x = 1")), Turn("a"), Turn(python("'x' in dir()")), Turn("b")])
    first = ask(client, tools=[INTERPRETER])
    container = calls_of(first)[0]["container_id"]
    client.delete(f"/v1/containers/{container}")
    named = client.post("/v1/responses", json={**INPUT, "tools": [{"type": "code_interpreter", "container": container}]})
    assert named.status_code == 404 and error_of(named)["message"] == f"Container with id '{container}' not found."
    second = ask(client, tools=[INTERPRETER], include=[OUTPUTS], previous_response_id=first["id"])
    assert calls_of(second)[0]["container_id"] != container
    assert calls_of(second)[0]["outputs"] == [{"type": "logs", "logs": "False"}]


def test_a_replayed_call_of_another_container(model):
    client, _ = model(TWO_ROUNDS)
    first = ask(client, tools=[INTERPRETER], include=[OUTPUTS])
    other = client.post("/v1/containers", json={"name": "other", "environment": "base"}).json()["id"]
    answer = client.post("/v1/responses", json={**MODEL, "input": first["output"] + [{"role": "user", "content": "x"}],
                                                "tools": [{"type": "code_interpreter", "container": other}]})
    assert answer.status_code == 400 and error_of(answer)["message"] == f"Expected container_id: {other}"


# ---- a provider that fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, status, code, should_retry", [
    ("authentication", 502, "provider_authentication", "false"),
    ("context_length", 400, "context_length_exceeded", None),
    ("content_filter", 400, "content_filter", None),
    ("invalid", 400, "provider_refused", None),
])
def test_a_failure_before_anything_was_said_is_an_error(model, kind, status, code, should_retry):
    client, _ = model([Forever(Refuse(kind))])
    answer = client.post("/v1/responses", json=INPUT)
    assert answer.status_code == status and error_of(answer)["code"] == code, answer.text
    assert answer.headers.get("x-should-retry") == should_retry
    told = stream(client, input="x")
    assert [e["type"] for e in told][-2:] == ["error", "response.failed"]
    assert told[-2]["error"]["code"] == code and told[-2]["error"]["message"]
    failed = told[-1]["response"]
    assert failed["status"] == "failed" and failed["error"]["type"] == code and failed["output"] == []
    assert get(client, failed) == failed


@pytest.mark.parametrize("kind, status, code, word", [
    ("rate_limit", 429, "provider_rate_limited", "rate_limit_exceeded"),
    ("overloaded", 503, "provider_overloaded", "server_error"),
])
def test_what_no_repetition_helped_against(model, kind, status, code, word):
    """Asked three times; then an error that clients may repeat, with Cloche's code and the nearest word of OpenAI's."""
    client, scripted = model([Forever(Refuse(kind, retry_after=0))])
    answer = client.post("/v1/responses", json=INPUT)
    assert answer.status_code == status and error_of(answer)["code"] == code, answer.text
    assert answer.headers.get("x-should-retry") != "false" and len(scripted.requests) == 3
    told = stream(client, input="x")
    assert [e["type"] for e in told][-2:] == ["error", "response.failed"] and len(scripted.requests) == 6
    assert told[-2]["error"]["code"] == code
    failed = told[-1]["response"]
    assert failed["status"] == "failed" and (failed["error"]["type"], failed["error"]["code"]) == (code, word)
    assert failed["error"]["message"] and get(client, failed) == failed


def test_a_failure_in_the_middle_keeps_what_was_said(model):
    client, _ = model([Turn("Half an ", Disconnect())] * 2)
    told = stream(client)
    failed = told[-1]["response"]
    assert [e["type"] for e in told][-2:] == ["error", "response.failed"]
    assert text_of(failed) == "Half an " and failed["output"][0]["status"] == "incomplete"
    plain = ask(client)
    assert plain["status"] == "failed" and text_of(plain) == "Half an "
    assert plain["error"]["code"] == "server_error"


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_max_tool_calls(model):
    client, scripted = model([Turn(python("1")), Turn(python("2")), Turn("Enough.")], order="requests")
    response = ask(client, tools=[INTERPRETER], max_tool_calls=1)
    assert len(calls_of(response)) == 1 and response["max_tool_calls"] == 1


def test_tool_choice(model):
    client, scripted = model([Turn(python("1")), Turn("x"), Turn("y")])
    ask(client, tools=[INTERPRETER], tool_choice={"type": "code_interpreter"})
    assert scripted.requests[0].body["tool_choice"] == {"type": "function", "function": {"name": "python"}}
    response = ask(client, tools=[INTERPRETER], tool_choice="none")
    assert response["tool_choice"] == "none" and scripted.requests[2].body.get("tool_choice") == "none"


def test_text_format_goes_through(model):
    client, scripted = model([Turn('{"a": 1}')])
    form = {"type": "json_schema", "name": "n", "strict": True,
            "schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}}
    response = ask(client, text={"format": form})
    assert response["text"] == {"format": form, "verbosity": "medium"}
    assert scripted.requests[0].body["response_format"]["json_schema"]["schema"] == form["schema"]


def test_sampling_and_instructions_go_through(model):
    client, scripted = model([Turn("x")])
    ask(client, temperature=0.25, top_p=0.5, instructions="Speak like a bell.", max_output_tokens=100)
    body = scripted.requests[0].body
    assert body["temperature"] == 0.25 and body["top_p"] == 0.5
    assert "Speak like a bell." in json.dumps(body["messages"][0])

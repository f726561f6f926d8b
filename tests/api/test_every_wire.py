"""Runs over each upstream wire format, through Responses and chat completions: the same answer streamed and not, the
limits of a run, its budget, and streams that stay alive. One server for all of it (support/wires.py)."""
import json

import pytest
from support.api import alike, events, lines
from support.provider import Call, Forever, Reasoning, Refusal, Turn, Usage, python
from support.wires import MODELS, WiresServer

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
WEATHER = {"type": "function", "name": "weather", "description": "d", "strict": False,
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
OUTPUTS = "code_interpreter_call.outputs"
WAIT = "import os, time\nprint('waiting')\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\n'gone'"

SAME = {
    "plain": [Turn("Hello ", "there. 😀")],
    "code": [Turn(python("print('hi')\n6*7", size=5), usage=Usage(10, 2, 5)), Turn("It is ", "42.", usage=Usage(20, 3, 7))],
    "text around": [Turn("Let me ", "see.", python("1")), Turn("One.")],
    "an error": [Turn(python("1/0")), Turn("It failed.")],
    "two at once": [Turn(python("a = 1"), python("a + 1")), Turn("2")],
    "three rounds": [Turn(python("a = 1")), Turn(python("a += 1")), Turn(python("a")), Turn("2")],
    "a file": [Turn(python("open('é.txt', 'w').write('x'); None")), Turn("😀 [é](sandbox:/mnt/data/é.txt)")],
    "reasoning": [Turn(Reasoning("hm, ", "well"), python("1")), Turn("Yes.")],
    "a function": [Turn("Asking.", Call("weather", '{"city":', ' "Bern"}'))],
    "code and a function": [Turn(python("2 + 2"), Call("weather", '{"city": "Bern"}'))],
    "a function alone": [Turn(Call("weather", '{"city":', ' "Bern"}'))],
    "refused": [Turn(Refusal("I will ", "not."))],
    "too long": [Turn("Half an ans", finish="length")],
    "filtered": [Turn("Half", finish="content_filter")],
    "reasoning, no code": [Turn(Reasoning("hm, ", "well"), "Yes.")],
    "bytes": [Turn(python("print('é😀')"), split=3), Turn("Ünïcödé 😀", split=1)],
}
SCRIPTS = {
    **SAME,
    "insists": [Turn(python("1")), Turn(python("2")), Turn("Enough, then.")],
    "never stops": [Forever(Turn(python("1")))],
    "insists among functions": [Turn(python("1")), Turn(python("2")), Turn("Without.")],
    "costly": [Turn(python("1"), usage=Usage(500, 0, 100)), Turn(python("2"), usage=Usage(500, 0, 100)), Turn("Done.")],
    "waits": [Turn(python(WAIT)), Turn("At last.")],
}


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("wires"), SCRIPTS, "--keep-alive", "1") as running:
        yield running


@pytest.fixture
def client(wires):
    with wires.client() as made:
        yield made


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def ask(client, model, said, expect=200, **fields):
    body = {"model": model, "input": said, "tools": [INTERPRETER, WEATHER], "include": [OUTPUTS], **fields}
    answer = client.post("/v1/responses", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def chat(client, model, said, expect=200, **fields):
    body = {"model": model, "messages": [{"role": "user", "content": said}], "tools": [INTERPRETER], **fields}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def told(client, model, said, **fields):
    body = {"model": model, "input": said, "tools": [INTERPRETER, WEATHER], "include": [OUTPUTS], "stream": True, **fields}
    with client.stream("POST", "/v1/responses", json=body) as answer:
        assert answer.status_code == 200, answer.read()
        return [event for _, event in events(answer)]


def calls(response):
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


def text(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


# ---- streamed or not ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", SAME)
def test_streamed_or_not_it_is_the_same(client, model, said):
    plain = ask(client, model, said)
    streamed = told(client, model, said)
    final = streamed[-1]["response"]
    assert final["status"] in ("completed", "incomplete") and final["error"] is None
    assert set(final) == set(plain)
    for field in plain:  # one by one, so that a failure names it
        assert alike(final)[field] == alike(plain)[field], field
    path = f"/v1/responses/{final['id']}"
    assert client.get(path, params={"include[]": OUTPUTS}).json() == final
    with client.stream("GET", path, params={"stream": "true", "include[]": OUTPUTS}) as answer:
        assert [event for _, event in events(answer)] == streamed


def test_the_wires_agree(client):
    """What the model says is the same on all of them, so is the response, apart from what a wire does not tell."""
    for said in ("code", "text around", "a file", "code and a function"):
        found = [alike(ask(client, model, said)) for model in MODELS.values()]
        for other in found[1:]:
            assert other["output"] == found[0]["output"], said
            assert other["usage"]["total_tokens"] == found[0]["usage"]["total_tokens"], said


# ---- limits ---------------------------------------------------------------------------------------------------


def test_a_model_that_calls_past_the_bound_answers_all_the_same(wires, client, model):
    response = ask(client, model, "insists", tools=[INTERPRETER], max_tool_calls=1)
    assert [call["code"] for call in calls(response)] == ["1"] and response["max_tool_calls"] == 1
    assert text(response) == "Enough, then." and response["status"] == "completed"
    last = wires.provider.requests[-1].seen
    assert not last.tools or last.tool_choice == "none"
    assert "Not run" in last.results()[-1]["text"]
    message = chat(client, model, "insists", max_tool_calls=1)["choices"][0]
    assert message["message"]["content"] == "Enough, then." and message["finish_reason"] == "stop"
    assert [call["code"] for call in message["message"]["code_interpreter"]["calls"]] == ["1"]


def test_so_it_does_where_there_are_functions(wires, client, model):
    response = ask(client, model, "insists among functions", max_tool_calls=1)
    assert len(calls(response)) == 1 and text(response) == "Without."
    offered = [request.seen.tools for request in wires.provider.requests[-3:]]
    assert offered[0] == ["python", "weather"] and offered[1] == ["weather"]


def test_a_model_that_never_answers_is_not_asked_for_ever(wires, client, model):
    before = len(wires.provider.requests)
    response = ask(client, model, "never stops", max_tool_calls=2)
    assert len(calls(response)) == 2 and text(response) == "" and response["status"] == "completed"
    assert len(wires.provider.requests) - before == 4
    choice = chat(client, model, "never stops", max_tool_calls=2)["choices"][0]
    assert choice["message"]["content"] == "" and choice["finish_reason"] == "stop"


# ---- budgets --------------------------------------------------------------------------------------------------


def test_a_budget_ends_a_run_before_it_is_exceeded(wires, client, model):
    whole = ask(client, model, "costly")
    assert text(whole) == "Done." and whole["cloche"]["cost"] == pytest.approx((500 + 500 + 10) * 1e-6 + 205 * 2e-6)
    before = len(wires.provider.requests)
    budget = 0.0015  # two answers at 700 µ$ fit, what follows them does not
    response = ask(client, model, "costly", budget=budget)
    assert response["status"] == "failed" and response["error"]["code"] == "budget_exceeded"
    assert f"{budget:g} USD" in response["error"]["message"]
    assert 0 < response["cloche"]["cost"] <= budget
    assert len(calls(response)) == len(wires.provider.requests) - before < 3
    streamed = told(client, model, "costly", budget=budget)
    assert [event["type"] for event in streamed[-2:]] == ["error", "response.failed"]
    assert streamed[-2]["error"]["code"] == "budget_exceeded"
    assert alike(streamed[-1]["response"]) == alike(response)


def test_a_budget_too_small_for_the_question_is_refused(wires, client, model):
    before = len(wires.provider.requests)
    refused = ask(client, model, "costly", expect=400, budget=0.000001)
    assert refused["error"]["code"] == "budget_exceeded"
    refused = chat(client, model, "costly", expect=400, budget=0.000001)
    assert refused["error"]["code"] == "budget_exceeded"
    assert len(wires.provider.requests) == before


def test_a_budget_bounds_the_length_of_an_answer(wires, client, model):
    ask(client, model, "plain", budget=0.01)
    asked = wires.provider.requests[-1].seen
    assert asked.max_tokens and 16 <= asked.max_tokens <= 5000


def test_a_budget_of_chat_completions(client, model):
    error = chat(client, model, "costly", expect=400, budget=0.0015)["error"]
    assert error["code"] == "budget_exceeded" and "0.0015 USD" in error["message"]


# ---- streams that stay alive ----------------------------------------------------------------------------------


def waiting_container(client):
    made = client.post("/v1/containers", json={"name": "waits", "environment": "base"}).json()["id"]
    return made, {"type": "code_interpreter", "container": made}


def let_go(client, container):
    answer = client.post(f"/v1/containers/{container}/files", files={"file": ("go", b"")})
    assert answer.status_code == 200, answer.text


def kept_alive(wires, client, container, answer):
    """Reads a stream whose code waits until two comments have come; lets it go; the rest of its lines."""
    read, comments = lines(answer), 0
    with wires.client() as other:
        for line in read:
            if line == ": keep-alive":
                comments += 1
                if comments == 2:
                    let_go(other, container)
                    break
        return list(read)


def test_comments_keep_a_response_alive_while_code_runs(wires, client):
    container, tool = waiting_container(client)
    body = {"model": MODELS["chat"], "input": "waits", "tools": [tool], "stream": True}
    with client.stream("POST", "/v1/responses", json=body) as answer:
        rest = kept_alive(wires, client, container, answer)
    final = json.loads([line for line in rest if line.startswith("data:")][-1][5:])
    assert final["type"] == "response.completed" and text(final["response"]) == "At last."


def test_comments_keep_a_completion_alive_while_code_runs(wires, client):
    container, tool = waiting_container(client)
    body = {"model": MODELS["anthropic"], "messages": [{"role": "user", "content": "waits"}], "tools": [tool], "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        rest = kept_alive(wires, client, container, answer)
    assert [line for line in rest if line][-1] == "data: [DONE]"
    assert "At last." in "".join(rest)


def test_comments_keep_an_execution_alive(wires, client):
    container, _ = waiting_container(client)
    with client.stream("POST", f"/v1/containers/{container}/execute", json={"code": WAIT, "stream": True}) as answer:
        rest = kept_alive(wires, client, container, answer)
    assert any("'gone'" in line for line in rest)


def test_a_stream_is_taken_up_again_while_its_code_runs(wires, client, model):
    """A client that was cut off goes on behind the last event it has, on another connection, and misses nothing."""
    container, tool = waiting_container(client)
    body = {"model": model, "input": "waits", "tools": [tool], "stream": True, "background": True, "include": [OUTPUTS]}
    first = []
    with client.stream("POST", "/v1/responses", json=body) as answer:
        for name, event in events(answer):
            first.append(event)
            if name == "response.code_interpreter_call.interpreting":
                break
    path = f"/v1/responses/{first[0]['response']['id']}"
    query = {"stream": "true", "starting_after": first[-1]["sequence_number"], "include[]": OUTPUTS}
    rest = []
    with client.stream("GET", path, params=query) as answer:
        read = events(answer)
        let_go(client, container)
        rest += [event for _, event in read]
    assert [event["sequence_number"] for event in first + rest] == list(range(len(first + rest)))
    assert rest[-1]["type"] == "response.completed" and text(rest[-1]["response"]) == "At last."
    assert calls(rest[-1]["response"])[0]["outputs"] == [{"type": "logs", "logs": "waiting\n'gone'"}]
    with client.stream("GET", path, params={"stream": "true", "include[]": OUTPUTS}) as answer:
        assert [event for _, event in events(answer)] == first + rest

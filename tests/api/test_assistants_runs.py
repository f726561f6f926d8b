"""Runs of /v1/threads over a scripted model: their life, steps, messages, files and what the model reads."""
import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import clock, machine
from support.assistants import INTERPRETER, Assistants, code_of, each_event, read_events, text_of
from support.provider import Call, Forever, Gate, Provider, Refusal, Refuse, Turn, Usage, asked, python
from support.server import Server

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
SHOW = ("from IPython.display import Image, display\nimport base64\n"
        f"display(Image(base64.b64decode('{base64.b64encode(PNG).decode()}')))\n")
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}
TWO_ROUNDS = [Turn(python("print('hi')\n6*7", size=5), usage=Usage(10, 2, 5, 1)),
              Turn("It is ", "42. 😀", usage=Usage(20, 3, 7, 2))]


@pytest.fixture(scope="module")
def shared(cloche, environments, tmp_path_factory):
    """One server and one model for all tests here; a test's script is added under a name of its own."""
    scripts = {}
    scripted = Provider(asked(scripts)).start()
    state = tmp_path_factory.mktemp("assistants") / "state"
    with Server(cloche, state, environments, env=scripted.environment("chat")) as server:
        yield server, scripted, scripts
    scripted.stop()
    assert not scripted.violations, scripted.violations


@pytest.fixture
def model(shared):
    """model(script) -> Assistants: the model says what the script says to this test's messages."""
    server, scripted, scripts = shared
    with server.client(headers={"OpenAI-Beta": "assistants=v2"}) as http:
        yield lambda script: Assistants(http, scripted, scripts, script)


@pytest.fixture
def model_alone(provider, fresh_server):
    """The same with a server of the test's own, as `.server`."""
    made = []

    def make(script, *flags):
        scripts = {}
        scripted = provider(asked(scripts))
        server = fresh_server(*flags, env=scripted.environment("chat"))
        http = server.client(headers={"OpenAI-Beta": "assistants=v2"})
        made.append(http)
        client = Assistants(http, scripted, scripts, script)
        client.server = server
        return client

    yield make
    for http in made:
        http.close()


# ---- a run ------------------------------------------------------------------------------------------


def test_a_call_and_an_answer(model):
    client = model(TWO_ROUNDS)
    assistant = client.assistant(instructions="Be brief.", metadata={"a": "b"})
    thread = client.thread("What is 6*7?")
    run = client.run(thread, assistant, metadata={"k": "v"}, additional_instructions="Be kind.")
    assert run["status"] == "queued" and run["id"].startswith("run_") and run["object"] == "thread.run"
    assert run["expires_at"] == run["created_at"] + 600 and run["usage"] is None and run["started_at"] is None
    ended = client.wait(run)
    assert {**ended, "cloche": 0, "created_at": 0, "started_at": 0, "completed_at": 0} == {
        "id": run["id"], "object": "thread.run", "created_at": 0, "thread_id": thread, "assistant_id": assistant,
        "status": "completed", "required_action": None, "last_error": None, "expires_at": None, "started_at": 0,
        "cancelled_at": None, "failed_at": None, "completed_at": 0, "incomplete_details": None,
        "model": "gpt-scripted", "instructions": "Be brief.\nBe kind.", "tools": [INTERPRETER], "metadata": {"k": "v"},
        "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}, "temperature": 1.0, "top_p": 1.0,
        "max_prompt_tokens": None, "max_completion_tokens": None,
        "truncation_strategy": {"type": "auto", "last_messages": None}, "tool_choice": "auto",
        "parallel_tool_calls": True, "response_format": "auto", "cloche": 0}
    assert ended["cloche"] == {"cost": None, "currency": "usd", "masked": {}}
    assert ended["completed_at"] >= ended["started_at"] >= ended["created_at"] > 0
    call, creation = client.steps(run)
    assert call["type"] == "tool_calls" and call["status"] == "completed" and call["id"].startswith("step_")
    assert code_of(call) == {"input": "print('hi')\n6*7", "outputs": [{"type": "logs", "logs": "hi\n42"}]}
    assert call["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert creation["usage"] == {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
    asked, answer = client.messages(thread)
    assert creation["step_details"] == {"type": "message_creation", "message_creation": {"message_id": answer["id"]}}
    assert answer["content"] == [{"type": "text", "text": {"value": "It is 42. 😀", "annotations": []}}]
    assert (answer["role"], answer["status"], answer["run_id"], answer["assistant_id"]) == (
        "assistant", "completed", run["id"], assistant)
    assert asked["run_id"] is None and asked["assistant_id"] is None
    assert client.get(f"/threads/{thread}/messages/{answer['id']}") == answer
    assert client.messages(thread, run_id=run["id"]) == [answer]
    assert client.get(f"/threads/{thread}/runs/{run['id']}/steps/{call['id']}") == call
    system = json.dumps(client.requests()[0].body["messages"][0])
    assert "Be brief.\\nBe kind." in system


def test_a_thread_goes_on_with_what_was_said_and_done(model):
    client = model([Turn(python("x = globals().get('x', 0) + 21; print(x)")), Turn("Counted.")])
    assistant = client.assistant()
    thread = client.thread("keep")
    first = client.done(thread, assistant)
    client.say(thread, "and now")
    second = client.done(thread, assistant)
    assert code_of(client.steps(second)[0])["outputs"] == [{"type": "logs", "logs": "42\n"}]
    assert [text_of(m) for m in client.messages(thread)] == [
        client.words("keep"), "Counted.", client.words("and now"), "Counted."]
    roles = [m["role"] for m in client.requests()[2].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    runs = client.get(f"/threads/{thread}/runs")
    assert [r["id"] for r in runs["data"]] == [second["id"], first["id"]] and runs["has_more"] is False
    assert client.get(f"/threads/{thread}/runs", limit=1, before=first["id"])["data"] == [second]


def test_the_stream_is_in_openais_order(model):
    client = model(TWO_ROUNDS)
    assistant = client.assistant()
    told = client.stream("/threads/runs", assistant_id=assistant, thread={"messages": [
        {"role": "user", "content": client.words("x")}]})
    names = [name for name, _ in told]
    short = [n for n, after in zip(names, names[1:] + [None]) if n != after]
    assert short == [
        "thread.created", "thread.run.created", "thread.run.queued", "thread.run.in_progress",
        "thread.run.step.created", "thread.run.step.in_progress", "thread.run.step.delta", "thread.run.step.completed",
        "thread.run.step.created", "thread.run.step.in_progress", "thread.message.created",
        "thread.message.in_progress", "thread.message.delta", "thread.message.completed", "thread.run.step.completed",
        "thread.run.completed"]
    deltas = [d["delta"]["step_details"]["tool_calls"][0] for n, d in told if n == "thread.run.step.delta"]
    assert deltas[0]["code_interpreter"] == {"input": "", "outputs": []} and deltas[0]["id"] and deltas[0]["index"] == 0
    inputs = [d["code_interpreter"]["input"] for d in deltas if "input" in d["code_interpreter"]]
    assert len(inputs) > 3 and "".join(inputs) == "print('hi')\n6*7"
    outputs = [o for d in deltas for o in d["code_interpreter"].get("outputs", [])]
    assert "".join(o["logs"] for o in outputs) == "hi\n42" and {o["index"] for o in outputs} == {0}
    texts = [d["delta"]["content"][0] for n, d in told if n == "thread.message.delta"]
    assert "".join(t["text"]["value"] for t in texts) == "It is 42. 😀" and {t["index"] for t in texts} == {0}
    thread, run = told[0][1], told[-1][1]
    assert run == client.get(f"/threads/{thread['id']}/runs/{run['id']}")
    steps = [d for n, d in told if n == "thread.run.step.completed"]
    assert steps == client.steps(run)
    message, = (d for n, d in told if n == "thread.message.completed")
    assert message == client.messages(thread["id"])[1]
    created = next(d for n, d in told if n == "thread.run.step.created")
    assert created["status"] == "in_progress" and created["step_details"] == {"type": "tool_calls", "tool_calls": []}
    assert created["usage"] is None


def test_output_is_told_while_the_code_runs(model):
    client = model([Turn(python("import time\nprint('first', flush=True)\nprint(input('more? '))")), Turn("ok")])
    # input() without a stream ends by EOFError; what was printed before came by itself
    told = client.stream(f"/threads/{client.thread('x')}/runs", assistant_id=client.assistant())
    outputs = [o["logs"] for n, d in told if n == "thread.run.step.delta"
               for o in d["delta"]["step_details"]["tool_calls"][0]["code_interpreter"].get("outputs", [])]
    assert outputs[0] == "first\n" and "EOFError" in outputs[-1]
    step = next(d for n, d in told if n == "thread.run.step.completed")
    assert "".join(outputs) == code_of(step)["outputs"][0]["logs"]


def test_parallel_calls_are_told_one_after_the_other(model):
    client = model([Turn(python("print(1)"), python("print(2)"), usage=Usage(10, 0, 4)), Turn("Both.", usage=Usage(9, 0, 2))])
    told = client.stream(f"/threads/{client.thread('x')}/runs", assistant_id=client.assistant())
    steps = [(n.rpartition(".")[2], d["id"][-4:]) for n, d in told if n.startswith("thread.run.step.") and "delta" not in n]
    assert [s for s, _ in steps] == ["created", "in_progress", "completed"] * 3
    assert [i for _, i in steps] == ["0001"] * 3 + ["0002"] * 3 + ["0003"] * 3
    run = told[-1][1]
    found = client.steps(run)
    assert [code_of(s)["outputs"][0]["logs"] for s in found[:2]] == ["1\n", "2\n"]
    assert [s["usage"]["total_tokens"] for s in found] == [14, 0, 11] and run["usage"]["total_tokens"] == 25


def test_steps_have_pages(model):
    client = model([Turn(python("1")), Turn(python("2")), Turn("Done.")])
    run = client.done(client.thread("x"), client.assistant())
    path = f"{client.path(run)}/steps"
    ids = [s["id"] for s in client.steps(run)]

    def page(**query):
        found = client.get(path, **query)
        return [s["id"] for s in found["data"]], found["has_more"]

    assert page() == (ids[::-1], False)
    assert page(limit=2) == (ids[:0:-1], True)
    assert page(limit=2, after=ids[1]) == ([ids[0]], False)
    assert page(order="asc", limit=1, after=ids[0]) == ([ids[1]], True)
    assert page(order="asc", limit=1, before=ids[2]) == ([ids[1]], True)
    assert page(order="asc", limit=2, before=ids[2]) == (ids[:2], False)
    assert page(after="step_none") == ([], False)
    known = "step_details.tool_calls[*].file_search.results[*].content"
    assert page(**{"include[]": known}) == (ids[::-1], False)
    assert "include" in client.get(path, 400, **{"include[]": "all"})["param"]
    client.get(f"{path}/step_none", 404)


# ---- functions of the client ------------------------------------------------------------------------


FUNCTIONS = [Turn("Let me ask.", Call("weather", '{"city":', '"Oslo"}', id="call_1"), Call("weather", "{}", id="call_2"),
                  usage=Usage(10, 0, 3)),
             Turn("Cold.", usage=Usage(20, 0, 2))]


def test_functions_are_waited_for(model):
    client = model(FUNCTIONS)
    thread = client.thread("weather?")
    run = client.wait(client.run(thread, client.assistant(tools=[INTERPRETER, WEATHER])), {"requires_action"})
    calls = [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
             {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    assert run["required_action"] == {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    assert run["expires_at"] == run["created_at"] + 600 and run["usage"] is None
    said, waiting = client.steps(run)
    assert waiting["status"] == "in_progress" and said["status"] == "completed"
    assert [c["function"]["output"] for c in waiting["step_details"]["tool_calls"]] == [None, None]
    assert [text_of(m) for m in client.messages(thread)] == [client.words("weather?"), "Let me ask."]
    path = f"{client.path(run)}/submit_tool_outputs"
    client.post(path, 400, tool_outputs=[{"tool_call_id": "call_1", "output": "-3"}])
    client.post(path, 400, tool_outputs=[{"tool_call_id": "call_1", "output": "-3"}, {"tool_call_id": "call_9", "output": ""}])
    assert client.post(path, 400)["param"] == "tool_outputs"
    words = client.say(thread, "hello?", 400)["message"]
    assert words == f"Can't add messages to {thread} while a run {run['id']} is active."
    on = client.post(path, tool_outputs=[{"tool_call_id": "call_2", "output": "4"}, {"tool_call_id": "call_1", "output": "-3"}])
    assert on["status"] in ("queued", "in_progress", "completed") and on["required_action"] is None
    ended = client.wait(run)
    assert ended["status"] == "completed" and ended["usage"]["total_tokens"] == 35
    steps = client.steps(run)
    assert [c["function"]["output"] for c in steps[1]["step_details"]["tool_calls"]] == ["-3", "4"]
    assert [s["status"] for s in steps] == ["completed"] * 3
    assert [text_of(m) for m in client.messages(thread)] == [client.words("weather?"), "Let me ask.", "Cold."]
    assert {r["id"]: r["text"] for r in client.requests()[1].seen.results()} == {"call_1": "-3", "call_2": "4"}
    over = client.post(path, 400, tool_outputs=[])["message"]
    assert over == 'Runs in status "completed" do not accept tool outputs.'


def test_functions_streamed(model):
    client = model(FUNCTIONS)
    thread = client.thread("weather?")
    told = client.stream(f"/threads/{thread}/runs", assistant_id=client.assistant(tools=[WEATHER]))
    assert told[-1][0] == "thread.run.requires_action"
    deltas = [c for n, d in told if n == "thread.run.step.delta" for c in d["delta"]["step_details"]["tool_calls"]]
    assert "".join(c["function"].get("arguments", "") for c in deltas if c["index"] == 0) == '{"city":"Oslo"}'
    assert [c["id"] for c in deltas if "id" in c] == ["call_1", "call_2"]
    run = told[-1][1]
    more = client.stream(f"{client.path(run)}/submit_tool_outputs", tool_outputs=[
        {"tool_call_id": "call_1", "output": "-3"}, {"tool_call_id": "call_2", "output": "4"}])
    names = [n for n, _ in more]
    assert names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    assert names[3:7] == ["thread.run.step.created", "thread.run.step.in_progress", "thread.message.created",
                          "thread.message.in_progress"]
    assert names[-1] == "thread.run.completed" and more[-1][1] == client.get(client.path(run))
    outputs = [c["function"]["output"] for c in more[0][1]["step_details"]["tool_calls"]]
    assert outputs == ["-3", "4"]
    assert [text_of(m) for m in client.messages(thread)] == [client.words("weather?"), "Let me ask.", "Cold."]


def test_a_message_of_a_run_that_waits_is_the_clients_to_mark_but_not_to_delete(model):
    client = model(FUNCTIONS)
    thread = client.thread("weather?")
    run = client.wait(client.run(thread, client.assistant(tools=[WEATHER])), {"requires_action"})
    said = client.messages(thread)[1]
    path = f"/threads/{thread}/messages/{said['id']}"
    refused = client.http.delete(f"/v1{path}")
    assert refused.status_code == 400, refused.text
    client.post(path, metadata={"k": "v"})
    client.post(f"{client.path(run)}/submit_tool_outputs", tool_outputs=[
        {"tool_call_id": "call_1", "output": "-3"}, {"tool_call_id": "call_2", "output": "4"}])
    assert client.wait(run)["status"] == "completed"
    assert client.get(path) == {**said, "metadata": {"k": "v"}}
    assert [text_of(m) for m in client.messages(thread)] == [client.words("weather?"), "Let me ask.", "Cold."]
    assert client.http.delete(f"/v1{path}").status_code == 200


# ---- ends -------------------------------------------------------------------------------------------


def test_one_run_at_a_time_and_its_cancelling(model):
    gate = Gate()
    client = model([Turn("Half ", gate, "done."), Turn("Next.")])
    assistant, thread = client.assistant(), client.thread("x")
    run = client.run(thread, assistant)
    assert gate.reached.wait(20)
    try:
        busy = client.post(f"/threads/{thread}/runs", 400, assistant_id=assistant)["message"]
        assert busy == f"Thread {thread} already has an active run {run['id']}."
        client.say(thread, "y", 400)
        client.post(f"/threads/{thread}/runs", 400, assistant_id=assistant,
                    additional_messages=[{"role": "user", "content": "z"}])
        now = client.wait(run, {"in_progress"})
        assert now["started_at"] and len(client.messages(thread)) == 1
        answer = client.http.get(f"/v1{client.path(run)}")
        assert 50 <= int(answer.headers["openai-poll-after-ms"]) <= 5000
        cancelling = client.post(f"{client.path(run)}/cancel")
        assert cancelling["status"] == "cancelling"
        ended = client.wait(run)
    finally:
        gate.open()
    assert ended["status"] == "cancelled" and ended["cancelled_at"] and ended["completed_at"] is None
    asked_, half = client.messages(thread)
    assert (half["status"], half["incomplete_details"], text_of(half)) == ("incomplete", {"reason": "run_cancelled"}, "Half ")
    assert client.steps(run)[0]["status"] == "cancelled" and client.steps(run)[0]["cancelled_at"]
    again = client.post(f"{client.path(run)}/cancel", 400)["message"]
    assert again == "Cannot cancel run with status 'cancelled'."
    client.say(thread, "y")


def test_a_cancelled_stream_says_so(model):
    client = model([Turn(python("while True: pass")), Turn("Never.")])
    thread, told = client.thread("x"), []
    with client.http.stream("POST", f"/v1/threads/{thread}/runs", json={
            "assistant_id": client.assistant(), "stream": True}) as answer:
        stream = each_event(answer)
        for name, data in stream:
            told.append(name)
            if name == "thread.run.step.delta" and "while" in json.dumps(data):
                break
        run, = client.get(f"/threads/{thread}/runs")["data"]
        client.post(f"{client.path(run)}/cancel")
        told += [name for name, _ in stream]
    assert told[-4:] == ["thread.run.cancelling", "thread.run.step.cancelled", "thread.run.cancelled", "done"], told


def test_one_that_waits_is_cancelled(model):
    client = model(FUNCTIONS)
    thread = client.thread("x")
    run = client.wait(client.run(thread, client.assistant(tools=[WEATHER])), {"requires_action"})
    assert client.post(f"{client.path(run)}/cancel")["status"] == "cancelling"
    ended = client.get(client.path(run))
    assert ended["status"] == "cancelled" and ended["required_action"] is None
    assert [s["status"] for s in client.steps(run)] == ["completed", "cancelled"]
    client.post(f"{client.path(run)}/submit_tool_outputs", 400, tool_outputs=[{"tool_call_id": "call_1", "output": ""},
                                                                           {"tool_call_id": "call_2", "output": ""}])
    client.say(thread, "go on")


def test_a_run_that_fails_says_why(model):
    client = model([Refuse("invalid")])
    thread = client.thread("x")
    told = client.stream(f"/threads/{thread}/runs", assistant_id=client.assistant())
    assert [n for n, _ in told] == ["thread.run.created", "thread.run.queued", "thread.run.in_progress", "thread.run.failed"]
    run = told[-1][1]
    assert run["status"] == "failed" and run["failed_at"] and run["last_error"]["code"] == "invalid_prompt"
    assert run["last_error"]["type"] == "provider_refused" and run["last_error"]["message"]
    assert len(client.messages(thread)) == 1
    client.say(thread, "again")


def test_what_was_begun_is_kept_when_a_run_fails(model):
    from support.provider import Fail
    client = model([Turn("Half a", Fail("invalid"))])
    thread = client.thread("x")
    run = client.wait(client.run(thread, client.assistant()))
    assert run["status"] == "failed"
    half = client.messages(thread)[1]
    assert half["status"] == "incomplete" and half["incomplete_details"] == {"reason": "run_failed"}
    assert client.steps(run)[0]["status"] == "failed" and client.steps(run)[0]["last_error"]["message"]


def test_limits_of_tokens(model):
    client = model([Turn("A long", finish="length", usage=Usage(10, 0, 256))])
    thread, assistant = client.thread("x"), client.assistant()
    run = client.wait(client.run(thread, assistant, max_completion_tokens=256))
    assert run["status"] == "incomplete" and run["incomplete_details"] == {"reason": "max_completion_tokens"}
    assert run["max_completion_tokens"] == 256 and client.requests()[0].seen.max_tokens == 256
    cut = client.messages(thread)[1]
    assert cut["status"] == "incomplete" and cut["incomplete_details"] == {"reason": "max_tokens"}
    assert client.post(f"/threads/{thread}/runs", 400, assistant_id=assistant, max_prompt_tokens=255)["code"] == \
        "integer_below_min_value"
    client.say(thread, "many words " * 2000)
    short = client.wait(client.run(thread, assistant, max_prompt_tokens=256))
    assert short["status"] == "incomplete" and short["incomplete_details"] == {"reason": "max_prompt_tokens"}
    assert len(client.requests()) == 1


def test_only_the_last_messages_are_read(model):
    client = model([Turn("Yes.")])
    thread = client.thread("alpha", "beta", "gamma")
    run = client.done(thread, client.assistant(), truncation_strategy={"type": "last_messages", "last_messages": 2},
                      additional_messages=[{"role": "user", "content": client.words("four")}])
    assert run["truncation_strategy"] == {"type": "last_messages", "last_messages": 2}
    text = json.dumps(client.requests()[0].body["messages"])
    assert "gamma" in text and "four" in text and "beta" not in text and "alpha" not in text
    assert [text_of(m).split()[0] for m in client.messages(thread)] == ["alpha", "beta", "gamma", "four", "Yes."]
    client.post(f"/threads/{thread}/runs", 400, assistant_id=client.assistant(), truncation_strategy={"type": "last_messages"})


def test_code_that_dies_is_a_failed_step(model):
    client = model([Turn(python("import os\nprint('before', flush=True)\nos._exit(1)")), Turn("It died.")])
    run = client.done(client.thread("x"), client.assistant())
    step = client.steps(run)[0]
    assert step["status"] == "failed" and step["failed_at"] and step["completed_at"] is None
    assert step["last_error"]["code"] == "server_error" and step["last_error"]["message"].startswith("[killed")
    assert code_of(step)["outputs"][0]["logs"].startswith("before\n[killed")


def test_a_waiting_run_expires(model_alone):
    client = model_alone(FUNCTIONS)
    thread = client.thread("x")
    run = client.wait(client.run(thread, client.assistant(tools=[WEATHER])), {"requires_action"})
    clock.advance(client.server, 601)
    client.say(thread, "go on")  # nothing locks the thread any more
    ended = client.get(client.path(run))
    assert ended["status"] == "expired" and ended["expires_at"] is None and ended["required_action"] is None
    assert [s["status"] for s in client.steps(run)] == ["completed", "expired"]
    assert client.steps(run)[1]["expired_at"]
    words = client.post(f"{client.path(run)}/submit_tool_outputs", 400, tool_outputs=[])["message"]
    assert words == 'Runs in status "expired" do not accept tool outputs.'


def test_a_run_that_waits_expires_though_nobody_asks(model_alone):
    client = model_alone(FUNCTIONS, "--webhook-private", "on")
    hook = client.post("/webhooks", url="http://127.0.0.1:9/", events=["response.failed"])["id"]
    thread = client.thread("x")
    run = client.wait(client.run(thread, client.assistant(tools=[WEATHER])), {"requires_action"})
    clock.advance(client.server, 601)
    told = machine.wait_until(lambda: client.get(f"/webhooks/{hook}/deliveries")["data"], 30, "a delivery that tells of the end")
    assert [d["type"] for d in told] == ["response.failed"]
    clock.advance(client.server, 3600)  # whoever asks later is told when it was
    assert client.get(client.path(run))["status"] == "expired"
    assert client.steps(run)[1]["expired_at"] < run["expires_at"] + 1800
    client.say(thread, "go on")


def test_a_run_that_takes_too_long_expires(model_alone):
    gate = Gate()
    client = model_alone([Turn("Half ", gate, "done.")])
    thread = client.thread("x")
    run = client.run(thread, client.assistant())
    assert gate.reached.wait(20)
    try:
        clock.advance(client.server, 601)
        ended = client.wait(run)
    finally:
        gate.open()
    assert ended["status"] == "expired"
    assert client.messages(thread)[1]["incomplete_details"] == {"reason": "run_expired"}


def test_runs_survive_a_restart_and_say_so(model_alone):
    gate = Gate()
    client = model_alone(FUNCTIONS)
    assistant = client.assistant(tools=[WEATHER])
    waits = client.wait(client.run(client.thread("x"), assistant), {"requires_action"})
    other = Assistants(client.http, client.scripted, client.scripts, [Turn("Half ", gate)])
    thread = other.thread("y")
    cut = other.run(thread, assistant)
    assert gate.reached.wait(20)
    client.server.stop()
    gate.open()
    client.server.start()
    with client.server.client(headers={"OpenAI-Beta": "assistants=v2"}) as http:
        client.http = other.http = http
        ended = other.get(other.path(cut))
        assert ended["status"] == "failed" and ended["last_error"]["code"] == "server_error" and ended["failed_at"]
        assert client.get(client.path(waits)) == waits
        client.post(f"{client.path(waits)}/submit_tool_outputs", tool_outputs=[
            {"tool_call_id": "call_1", "output": "-3"}, {"tool_call_id": "call_2", "output": "4"}])
        assert client.wait(waits)["status"] == "completed"


# ---- what threads show of themselves ----------------------------------------------------------------


def test_an_assistants_files_are_not_the_threads(model):
    read = [Turn(python("import os; print(sorted(os.listdir('/mnt/data')))")), Turn("Read.")]
    client = model([*read, *read])
    ours, own, late, first, second = (client.upload(f"{name}.csv", b"x") for name in "abcde")

    def resources(*ids):
        return {"code_interpreter": {"file_ids": list(ids)}}

    def attached(*ids):
        return [{"file_id": one, "tools": [INTERPRETER]} for one in ids]

    assistant = client.assistant(tool_resources=resources(ours))
    brought = {"role": "user", "content": client.words("x"), "attachments": attached(second, first)}
    thread = client.thread(brought, tool_resources=resources(own))
    run = client.done(thread, assistant)
    assert code_of(client.steps(run)[0])["outputs"][0]["logs"] == "['a.csv', 'b.csv', 'd.csv', 'e.csv']\n"
    assert client.get(f"/threads/{thread}")["tool_resources"] == resources(own, second, first)
    client.say(thread, "and these", attachments=attached(late, ours))  # now the assistant's is the thread's, too
    named = client.get(f"/threads/{thread}")["tool_resources"]["code_interpreter"]["file_ids"]
    assert named == [own, second, first, ours, late]  # as they came to the thread, whoever gave them
    client.say(thread, "and again", attachments=attached(late, first))
    assert client.get(f"/threads/{thread}")["tool_resources"] == resources(*named)


def worked(server):
    """Seconds that the server's process has computed: what it does, however busy the machine is."""
    return time.clock_gettime(~server.server_process().pid << 3 | 2)


def test_a_page_of_a_long_thread_costs_what_one_of_a_short_does(model, shared):
    client = model([Turn("Yes.")])
    assistant = client.assistant(tools=[])

    def grown(runs, said):
        thread = client.thread(*[{"role": "user", "content": f"{n}"} for n in range(said)])
        for _ in range(runs):
            more = [{"role": "user", "content": client.words(f"{n}")} for n in range(said)]
            run = client.done(thread, assistant, additional_messages=more, truncation_strategy={"type": "last_messages", "last_messages": 1})
        some = client.messages(thread)[25]["id"]
        newest = client.get(f"/threads/{thread}/messages", limit=20)["data"]
        assert len(newest) == 20 and newest[0]["run_id"] == run["id"]

        def pages():
            before = worked(shared[0])
            for _ in range(5):
                for query in {"after": some}, {"before": some}, {"order": "asc", "after": some}, {"run_id": run["id"]}:
                    client.get(f"/threads/{thread}/messages", limit=20, **query)
                client.get(f"/threads/{thread}/runs", limit=1)
                client.get(client.path(run))
            return worked(shared[0]) - before

        return pages

    short, long = grown(1, 30), grown(4, 500)  # 61 messages, 2,504
    tries = []
    while not tries or min(cost for _, cost in tries) >= 10 * min(cost for cost, _ in tries):
        assert len(tries) < 5, tries
        tries.append((short(), long()))


# ---- files ------------------------------------------------------------------------------------------


def test_files_go_in_and_come_out(model):
    client = model([Turn(python("import os\nprint(sorted(os.listdir('.')))\nopen('out.csv', 'w').write(open('a.csv').read() * 2)\n"
                                "open('other.txt', 'w').write('unsaid')")),
                    Turn("😀 See [the table](sandbox:/mnt/data/out.csv).")])
    of_assistant, of_thread, of_message = (client.upload(n, n.encode()) for n in ("a.csv", "b.csv", "a.csv"))
    assistant = client.assistant(tool_resources={"code_interpreter": {"file_ids": [of_assistant]}})
    thread = client.thread({"role": "user", "content": client.words("go"), "attachments": [
        {"file_id": of_message, "tools": [INTERPRETER]}]}, tool_resources={"code_interpreter": {"file_ids": [of_thread]}})
    run = client.done(thread, assistant)
    assert code_of(client.steps(run)[0])["outputs"][0]["logs"] == "['a (2).csv', 'a.csv', 'b.csv']\n6"
    answer = client.messages(thread)[1]
    part, = answer["content"]
    note, = part["text"]["annotations"]
    value = part["text"]["value"]
    assert note == {"type": "file_path", "text": "sandbox:/mnt/data/out.csv", "start_index": value.index("sandbox:"),
                    "end_index": value.index(")"), "file_path": note["file_path"]}
    file_id = note["file_path"]["file_id"]
    assert client.content(file_id) == b"a.csva.csv"
    facts = client.get(f"/files/{file_id}")
    assert facts["purpose"] == "assistants_output" and facts["filename"] == "out.csv"
    assert answer["attachments"] == [{"file_id": file_id, "tools": [INTERPRETER]}]
    assert f"/mnt/data/a.csv" in json.dumps(client.requests()[0].body["messages"])


def test_figures_are_shown_first(model):
    client = model([Turn(python("print('before')\n" + SHOW + "print('after')")), Turn("Here it is.")])
    thread = client.thread("draw")
    told = client.stream(f"/threads/{thread}/runs", assistant_id=client.assistant())
    run = told[-1][1]
    step = client.steps(run)[0]
    logs, image = code_of(step)["outputs"]
    assert logs == {"type": "logs", "logs": "before\nafter\n"} and image["type"] == "image"
    file_id = image["image"]["file_id"]
    assert client.content(file_id) == PNG and client.get(f"/files/{file_id}")["purpose"] == "assistants_output"
    answer = client.messages(thread)[1]
    assert answer["content"] == [{"type": "image_file", "image_file": {"file_id": file_id}},
                                 {"type": "text", "text": {"value": "Here it is.", "annotations": []}}]
    outputs = [o for n, d in told if n == "thread.run.step.delta"
               for o in d["delta"]["step_details"]["tool_calls"][0]["code_interpreter"].get("outputs", [])]
    assert [(o["index"], o["type"]) for o in outputs] == [(0, "logs"), (1, "image"), (0, "logs")]
    parts = [d["delta"]["content"][0] for n, d in told if n == "thread.message.delta"]
    assert [(p["index"], p["type"]) for p in parts][:2] == [(0, "image_file"), (1, "text")]


def test_a_picture_that_was_saved_and_named_is_shown_too(model):
    client = model([Turn(python(f"import base64\nopen('p.png', 'wb').write(base64.b64decode('{base64.b64encode(PNG).decode()}'))")),
                    Turn("See sandbox:/mnt/data/p.png")])
    thread = client.thread("save")
    client.done(thread, client.assistant())
    text, image = client.messages(thread)[1]["content"]
    note, = text["text"]["annotations"]
    assert image == {"type": "image_file", "image_file": {"file_id": note["file_path"]["file_id"]}}
    assert client.content(note["file_path"]["file_id"]) == PNG


def test_a_lost_session_is_made_good(model):
    client = model([Turn(python("import os\nprint(sorted(os.listdir('.')), globals().get('x'))\nx = 1\n"
                                "open('made.txt', 'a').write('+')")), Turn("Done.")])
    brought = client.upload("in.csv", b"in")
    thread = client.thread({"role": "user", "content": client.words("one"), "attachments": [
        {"file_id": brought, "tools": [INTERPRETER]}]})
    assistant = client.assistant()
    first = client.done(thread, assistant)
    assert code_of(client.steps(first)[0])["outputs"][0]["logs"] == "['in.csv'] None\n1"
    for container in client.get("/containers", limit=100)["data"]:
        client.http.delete(f"/v1/containers/{container['id']}")
    client.say(thread, "two")
    second = client.done(thread, assistant)
    assert code_of(client.steps(second)[0])["outputs"][0]["logs"] == "['in.csv', 'made.txt'] None\n1"
    told = "The interpreter's session had expired"
    assert told in client.requests()[2].body["messages"][0]["content"]
    assert any(told in n for n in second["cloche"]["notices"]) and "notices" not in first["cloche"]
    client.say(thread, "three")
    third = client.done(thread, assistant)
    assert code_of(client.steps(third)[0])["outputs"][0]["logs"] == "['in.csv', 'made.txt'] 1\n1"
    assert "notices" not in third["cloche"]


def test_a_session_that_is_lost_while_a_run_waits(model):
    client = model([Turn(Call("weather", "{}", id="call_1")),
                    Turn(python("import os\nif (there := os.path.exists('in.txt')):\n    os.remove('in.txt')\nprint(there)")),
                    Turn("Done.")])
    thread = client.thread({"role": "user", "content": client.words("one"), "attachments": [
        {"file_id": client.upload("in.txt", b"in"), "tools": [INTERPRETER]}]})
    assistant = client.assistant(tools=[INTERPRETER, WEATHER])

    def shown(lose):
        run = client.wait(client.run(thread, assistant), {"requires_action"})
        for container in client.get("/containers", limit=100)["data"] if lose else []:
            client.http.delete(f"/v1/containers/{container['id']}")
        client.post(f"{client.path(run)}/submit_tool_outputs", tool_outputs=[{"tool_call_id": "call_1", "output": "x"}])
        assert client.wait(run)["status"] == "completed"
        return code_of(client.steps(run)[1])["outputs"][0]["logs"]

    assert shown(lose=True).strip() == "True"
    client.say(thread, "two")
    assert shown(lose=False).strip() == "False"  # what the code removed is not brought again


def test_files_of_messages_that_come_together_all_get_a_place(model):
    client = model([Turn(python("import os\nprint(sorted(os.listdir('.')))")), Turn("Done.")])
    thread = client.thread("go")
    files = [client.upload("a.csv", b"x") for _ in range(8)]

    def say(file_id):
        client.say(thread, "go", attachments=[{"file_id": file_id, "tools": [INTERPRETER]}])

    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(say, files))
    run = client.done(thread, client.assistant())
    names = sorted(["a.csv"] + [f"a ({n}).csv" for n in range(2, 9)])
    assert code_of(client.steps(run)[0])["outputs"][0]["logs"].strip() == str(names)


# ---- older forms, and the same elsewhere ---------------------------------------------------------------


def test_the_first_beta_has_file_ids_everywhere(model):
    client = model([Turn(python("open('out.txt', 'w').write('x')")), Turn("In sandbox:/mnt/data/out.txt")])
    old = {"OpenAI-Beta": "assistants=v1"}
    brought = client.upload("in.csv", b"in")
    assistant = client.http.post("/v1/assistants", headers=old, json={
        "model": "gpt-scripted", "tools": [INTERPRETER], "file_ids": [brought]}).json()
    thread = client.http.post("/v1/threads", headers=old, json={"messages": [
        {"role": "user", "content": client.words("x"), "file_ids": [brought]}]}).json()
    told = client.stream(f"/threads/{thread['id']}/runs", headers=old, assistant_id=assistant["id"])
    for name, data in told:
        if data["object"] in ("thread.run", "thread.message"):
            assert isinstance(data["file_ids"], list), (name, data)
    run = told[-1][1]
    assert run["file_ids"] == [brought]
    assert client.http.get(f"/v1{client.path(run)}", headers=old).json() == run
    messages = client.http.get(f"/v1/threads/{thread['id']}/messages", headers=old).json()["data"]
    assert messages[1]["file_ids"] == [brought] and len(messages[0]["file_ids"]) == 1
    assert "file_ids" not in client.get(client.path(run)) and "file_ids" not in client.messages(thread["id"])[0]


def test_metadata_of_a_run_can_be_changed(model):
    gate = Gate()
    client = model([Turn("Half ", gate, "done.")])
    run = client.run(client.thread("x"), client.assistant())
    assert gate.reached.wait(20)
    changed = client.post(client.path(run), metadata={"k": "v"})
    gate.open()
    assert changed["metadata"] == {"k": "v"} and client.wait(run)["metadata"] == {"k": "v"}
    assert client.post(client.path(run), metadata={"k": "w"})["metadata"] == {"k": "w"}
    assert client.get(client.path(run))["metadata"] == {"k": "w"}
    assert client.post(client.path(run))["metadata"] == {"k": "w"}


def test_a_message_is_found_while_it_is_written(model):
    gate = Gate()
    client = model([Turn("Half ", gate, "done.")])
    thread = client.thread("x")
    with client.http.stream("POST", f"/v1/threads/{thread}/runs", json={
            "assistant_id": client.assistant(), "stream": True}) as answer:
        told = each_event(answer)
        created = next(d for n, d in told if n == "thread.message.created")
        next(d for n, d in told if n == "thread.message.delta")
        found = client.get(f"/threads/{thread}/messages/{created['id']}")
        gate.open()
        list(told)
    assert found["status"] == "in_progress" and text_of(found) == "Half "


def test_refusals_and_unknown_things(model):
    client = model([Turn(Refusal("I ", "won't."))])
    thread, assistant = client.thread("x"), client.assistant()
    client.done(thread, assistant)
    assert client.messages(thread)[1]["content"] == [{"type": "refusal", "refusal": "I won't."}]
    none = client.post(f"/threads/{thread}/runs", 404, assistant_id="asst_none")["message"]
    assert none == "No assistant found with id 'asst_none'."
    assert client.post(f"/threads/{thread}/runs", 400)["param"] == "assistant_id"
    client.post("/threads/thread_none/runs", 404, assistant_id=assistant)
    client.get(f"/threads/{thread}/runs/run_none", 404)
    client.post(f"/threads/{thread}/runs", 400, assistant_id=assistant, tools=[{"type": "file_search"}])
    client.post(f"/threads/{thread}/runs", 400, assistant_id=assistant, tool_choice={"type": "function", "function": {"name": "f"}})
    client.post("/threads/runs", 400, assistant_id=assistant, thread={"messages": [{"role": "user"}]})


def test_the_same_conversation_through_responses(model):
    script = [Turn("First.", python("print('hi')\n" + SHOW + "open('out.csv', 'w').write('1')\n6*7", size=7)),
              Turn(python("raise ValueError('no')")), Turn("😀 It is [here](sandbox:/mnt/data/out.csv).")]
    client, other = model(script), model(script)
    thread = client.thread("x")
    run = client.done(thread, client.assistant(instructions="Be brief."))
    response = other.post("/responses", model="gpt-scripted", input=other.words("x"), instructions="Be brief.",
                          tools=[{"type": "code_interpreter", "container": {"type": "auto"}}],
                          include=["code_interpreter_call.outputs"])
    calls = [i for i in response["output"] if i["type"] == "code_interpreter_call"]
    steps = [code_of(s) for s in client.steps(run) if s["type"] == "tool_calls"]
    assert [c["code"] for c in calls] == [s["input"] for s in steps]

    def shown(outputs):
        return sorted((o["type"], o.get("logs", "")) for o in outputs)

    assert [shown(c["outputs"]) for c in calls] == [shown(s["outputs"]) for s in steps]
    texts = [p["text"] for i in response["output"] if i["type"] == "message" for p in i["content"]]
    assert texts == [text_of(m) for m in client.messages(thread)[1:]]
    cited = [a for i in response["output"] if i["type"] == "message" for p in i["content"] for a in p["annotations"]
             if a["end_index"] > 0]
    noted = [a for m in client.messages(thread) for p in m["content"] if p["type"] == "text" for a in p["text"]["annotations"]]
    assert [(a["start_index"], a["end_index"]) for a in cited] == [(a["start_index"], a["end_index"]) for a in noted] != []
    content = client.http.get(f"/v1/containers/{cited[0]['container_id']}/files/{cited[0]['file_id']}/content").content
    assert content == client.content(noted[0]["file_path"]["file_id"]) == b"1"
    assert response["usage"]["total_tokens"] == run["usage"]["total_tokens"]
    ours, theirs = (json.dumps([m for m in c.requests()[2].body["messages"]]).replace(c.name, "") for c in (client, other))
    assert len(ours) == len(theirs)


def test_a_hundred_threads_at_once(model):
    client = model([Turn(python("print(sum(range(100)))")), Turn("It is ", "4950.")])
    assistant = client.assistant()
    ended, failures = [], []

    def one():
        try:
            with client.http.stream("POST", "/v1/threads/runs", json={
                    "assistant_id": assistant, "stream": True,
                    "thread": {"messages": [{"role": "user", "content": client.words("x")}]}}) as answer:
                ended.append(read_events(answer))
        except Exception as e:  # noqa: BLE001 - told below
            failures.append(e)

    threads = [threading.Thread(target=one) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures and len(ended) == 100, failures[:3]
    for told in ended:
        names = [n for n, _ in told]
        assert names[0] == "thread.created" and names[-1] == "thread.run.completed"
        assert names.count("thread.run.step.completed") == 2 and names.count("thread.message.completed") == 1
        text = "".join(d["delta"]["content"][0]["text"]["value"] for n, d in told if n == "thread.message.delta")
        assert text == "It is 4950."

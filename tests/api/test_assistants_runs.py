"""Runs of /v1/threads over a scripted model: their life, steps, messages, files and what the model reads."""
import base64
import json
import threading
import time

import pytest
from support import clock, machine
from support.api import error_of, lines
from support.provider import Call, Forever, Gate, Refusal, Refuse, Turn, Usage, python

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
SHOW = f"from IPython.display import Image, display; import base64; display(Image(base64.b64decode('{base64.b64encode(PNG).decode()}')))"
INTERPRETER = {"type": "code_interpreter"}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}}
OVER = {"completed", "failed", "cancelled", "expired", "incomplete"}
TWO_ROUNDS = [Turn(python("print('hi')\n6*7", size=5), usage=Usage(10, 2, 5, 1)),
              Turn("It is ", "42. 😀", usage=Usage(20, 3, 7, 2))]


class Client:
    """The endpoints in a few words; every answer is checked to be a 200."""

    def __init__(self, http, scripted, server):
        self.http, self.scripted, self.server = http, scripted, server

    def post(self, path, status=200, **body):
        answer = self.http.post(f"/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else error_of(answer)

    def get(self, path, status=200, **query):
        answer = self.http.get(f"/v1{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else error_of(answer)

    def assistant(self, **fields):
        return self.post("/assistants", model="gpt-scripted", **{"tools": [INTERPRETER], **fields})["id"]

    def thread(self, *messages, **fields):
        return self.post("/threads", messages=[{"role": "user", "content": m} if isinstance(m, str) else m
                                               for m in messages], **fields)["id"]

    def run(self, thread, assistant, **fields):
        return self.post(f"/threads/{thread}/runs", assistant_id=assistant, **fields)

    def wait(self, run, until=OVER, seconds=30):
        found = []

        def reached():
            found[:] = [self.get(f"/threads/{run['thread_id']}/runs/{run['id']}")]
            return found[0]["status"] in until

        machine.wait_until(reached, seconds, f"a run that is {until}")
        return found[0]

    def done(self, thread, assistant, **fields):
        run = self.wait(self.run(thread, assistant, **fields))
        assert run["status"] == "completed", run
        return run

    def steps(self, run, **query):
        query = {"order": "asc", **query}
        return self.get(f"/threads/{run['thread_id']}/runs/{run['id']}/steps", **query)["data"]

    def messages(self, thread, **query):
        return self.get(f"/threads/{thread}/messages", **{"order": "asc", "limit": 100, **query})["data"]

    def stream(self, path, headers=None, **body):
        """[(event, data)] of a stream that was read to its `done`."""
        with self.http.stream("POST", f"/v1{path}", json={"stream": True, **body}, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            return read_events(answer)

    def upload(self, name, content):
        answer = self.http.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def content(self, file_id):
        answer = self.http.get(f"/v1/files/{file_id}/content")
        assert answer.status_code == 200, answer.text
        return answer.content


def read_events(answer):
    told, name = [], None
    for line in lines(answer):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data = line[5:].strip()
            told.append((name, data if name == "done" else json.loads(data)))
    assert told[-1] == ("done", "[DONE]"), told[-1]
    return told[:-1]


@pytest.fixture
def model(provider, fresh_server):
    """model(script, …) -> Client: a server of its own, whose model says what the script says."""
    made = []

    def make(script, *flags, **options):
        scripted = provider(script, **options)
        server = fresh_server(*flags, env=scripted.environment("chat"))
        http = server.client(headers={"OpenAI-Beta": "assistants=v2"})
        made.append(http)
        return Client(http, scripted, server)

    yield make
    for http in made:
        http.close()


def code_of(step):
    call, = step["step_details"]["tool_calls"]
    assert call["type"] == "code_interpreter"
    return call["code_interpreter"]


def text_of(message):
    return "".join(p["text"]["value"] for p in message["content"] if p["type"] == "text")


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
    system = json.dumps(client.scripted.requests[0].body["messages"][0])
    assert "Be brief.\\nBe kind." in system


def test_a_thread_goes_on_with_what_was_said_and_done(model):
    client = model([Turn(python("x = 21")), Turn("Kept."), Turn(python("print(x*2)")), Turn("42.")])
    assistant = client.assistant()
    thread = client.thread("keep")
    first = client.done(thread, assistant)
    client.post(f"/threads/{thread}/messages", role="user", content="and now")
    second = client.done(thread, assistant)
    assert code_of(client.steps(second)[0])["outputs"] == [{"type": "logs", "logs": "42\n"}]
    assert [text_of(m) for m in client.messages(thread)] == ["keep", "Kept.", "and now", "42."]
    roles = [m["role"] for m in client.scripted.requests[2].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    runs = client.get(f"/threads/{thread}/runs")
    assert [r["id"] for r in runs["data"]] == [second["id"], first["id"]] and runs["has_more"] is False
    assert client.get(f"/threads/{thread}/runs", limit=1, before=first["id"])["data"] == [second]


def test_the_stream_is_in_openais_order(model):
    client = model(TWO_ROUNDS)
    assistant = client.assistant()
    told = client.stream("/threads/runs", assistant_id=assistant, thread={"messages": [{"role": "user", "content": "x"}]})
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

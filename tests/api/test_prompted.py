"""Models without tool calls: the prompt asks for one fenced block, it is run, its result is the next user's turn."""
import json

import pytest

from support.provider import KEY, Disconnect, Forever, Gate, Provider, Turn
from support.server import Server

TOOL = {"type": "code_interpreter", "container": {"type": "auto"}}
GRAMMAR = 'root ::= "```python\\n" [^`]+ "\\n```\\n"'


@pytest.fixture(scope="module")
def scripted():
    with Provider([], extra_fields=("grammar", "chat_template_kwargs")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(cloche, environments, tmp_path_factory, scripted):
    folder = tmp_path_factory.mktemp("prompted")
    where = {"base_url": scripted.base_url("chat"), "api_key_env": "SCRIPTED_KEY", "tools": False, "retries": 0}
    (folder / "config.json").write_text(json.dumps({
        "providers": {"near": {**where, "local": True, "extra": {"chat_template_kwargs": {"enable_thinking": False}}},
                      "far": {**where, "stream": False}},
        "models": {"forced": {"provider": "near", "model": "tiny", "extra": {"grammar": GRAMMAR}},
                   "bare": {"provider": "near", "model": "tiny", "extra": {"chat_template_kwargs": None}},
                   "near/sees": {"images": True}},
        "redaction": {"patterns": ["email"]}}))
    with Server(cloche, folder / "state", environments, "--config", str(folder / "config.json"), "--find-local", "off",
                "--max-rounds", "5", env={"SCRIPTED_KEY": KEY}) as running:
        yield running


class Asking:
    def __init__(self, client, scripted):
        self.client, self.scripted = client, scripted

    def play(self, *script):
        self.scripted.script, self.scripted.answered = list(script), 0
        del self.scripted.requests[:]

    def body(self, text, **fields):
        return {"model": "near/tiny", "input": text, "tools": [TOOL], "include": ["code_interpreter_call.outputs"], **fields}

    def ask(self, text="Go.", **fields):
        reply = self.client.post("/v1/responses", json=self.body(text, **fields))
        assert reply.status_code == 200, reply.text
        return reply.json()

    def stream(self, text="Go.", **fields):
        with self.client.stream("POST", "/v1/responses", json=self.body(text, stream=True, **fields)) as reply:
            assert reply.status_code == 200, reply.read()
            yield from (json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:"))

    def said(self, n=-1):
        """(role, text) of what the model was told in its n-th request."""
        return [(item["role"], item["text"]) for item in self.scripted.requests[n].seen.items]


@pytest.fixture
def asking(shared, scripted):
    with shared.client() as client:
        yield Asking(client, scripted)
    assert not scripted.violations, scripted.violations


def calls(response):
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


def logs(call):
    return "".join(output.get("logs", "") for output in call["outputs"])


def text(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


SCRIPT = (Turn("Let me see.\n", "``", "`py", "thon\nx = 20", "\nprint(x + 1)\n`", "``\nResult: 999"), Turn("It is 21."))


def test_a_block_is_run_and_its_result_is_the_next_turn(asking):
    asking.play(*SCRIPT)
    response = asking.ask()
    assert [item["type"] for item in response["output"]] == ["message", "code_interpreter_call", "message"]
    call = calls(response)[0]
    assert (call["code"], call["status"]) == ("x = 20\nprint(x + 1)\n", "completed")
    assert call["outputs"] == [{"type": "logs", "logs": "21\n"}]
    assert text(response) == "Let me see.\nIt is 21."
    first, second = asking.scripted.requests
    assert not first.seen.tools and "```python" in first.seen.system and "one block" in first.seen.system
    assert asking.said() == [("user", "Go."), ("assistant", "Let me see.\n```python\nx = 20\nprint(x + 1)\n```\n"),
                             ("user", "Result of the code:\n21\n")]


def test_streamed_it_is_the_same(asking):
    asking.play(*SCRIPT)
    whole = asking.ask()
    asking.play(*SCRIPT)
    events = list(asking.stream())
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    code = "".join(e["delta"] for e in events if e["type"] == "response.code_interpreter_call_code.delta")
    assert code == "x = 20\nprint(x + 1)\n"
    final = events[-1]["response"]
    assert events[-1]["type"] == "response.completed"

    def same(response):
        made = {key: value for key, value in response.items() if key not in ("id", "created_at", "completed_at")}
        made["output"] = [{k: v for k, v in item.items() if k not in ("id", "container_id", "execution_id")} for item in response["output"]]
        return made
    assert same(final) == same(whole)


def test_code_comes_while_it_is_written_and_the_answer_is_cut_behind_it(asking):
    gate = Gate()
    asking.play(Turn("```python\nprint(1)\n", gate, "```\n", *["imagined "] * 50), Turn("One."))
    seen = []
    for event in asking.stream():
        seen.append(event)
        if event["type"] == "response.code_interpreter_call_code.delta":
            gate.open()
    assert [e["delta"] for e in seen if e["type"] == "response.code_interpreter_call_code.delta"] == ["print(1)\n"]
    assert "imagined" not in json.dumps(seen) and text(seen[-1]["response"]) == "One."
    assert asking.said()[1] == ("assistant", "```python\nprint(1)\n```\n")


def test_answers_that_are_not_streamed(asking):
    asking.play(*SCRIPT)
    response = asking.ask(model="far/tiny")
    assert logs(calls(response)[0]) == "21\n" and text(response) == "Let me see.\nIt is 21."
    assert not asking.scripted.requests[0].body.get("stream")
    assert asking.said()[1][1].endswith("```\n") and "999" not in asking.said()[1][1]


def test_in_chat_completions(asking):
    asking.play(*SCRIPT)
    body = {"model": "near/tiny", "messages": [{"role": "user", "content": "Go."}], "tools": [TOOL]}
    message = asking.client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    assert message["content"].endswith("It is 21.")
    assert [logs(call) for call in message["code_interpreter"]["calls"]] == ["21\n"]
    asking.play(*SCRIPT)
    with asking.client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as reply:
        chunks = [json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:") and "[DONE]" not in line]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    streamed = next(delta["code_interpreter"] for delta in deltas if "code_interpreter" in delta)
    assert [call["outputs"] for call in streamed["calls"]] == [call["outputs"] for call in message["code_interpreter"]["calls"]]


def test_errors_and_state_are_told(asking):
    asking.play(Turn("```python\nn = 1\n1 / 0\n```"), Turn("```py\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)\n```"),
                Turn("~~~\n```python\nprint(n)\n```"), Turn("Gone."))
    response = asking.ask()
    assert [call["status"] for call in calls(response)] == ["completed", "failed", "completed"]
    assert response["output"][-1]["content"][0]["text"] == "Gone."
    told = [words for role, words in asking.said() if role == "user"]
    assert "ZeroDivisionError" in told[1] and "variables and imports are gone" in told[2] and "NameError" in told[3]


def test_what_is_no_python_is_text(asking):
    asking.play(Turn("Install:\n```bash\nrm -rf /\n```\nand `code` inline.\n"))
    response = asking.ask()
    assert not calls(response) and text(response) == "Install:\n```bash\nrm -rf /\n```\nand `code` inline.\n"
    assert len(asking.scripted.requests) == 1


def test_a_block_that_is_not_closed_is_run_at_the_answers_end(asking):
    asking.play(Turn("```python\nprint(3)"), Turn("Three."))
    assert logs(calls(asking.ask())[0]) == "3\n"


def test_the_conversation_goes_on(asking):
    asking.play(*SCRIPT)
    first = asking.ask()
    asking.play(Turn("```python\nprint(x)\n```"), Turn("Twenty."))
    second = asking.ask("And x?", previous_response_id=first["id"])
    assert logs(calls(second)[0]) == "20\n" and calls(second)[0]["container_id"] == calls(first)[0]["container_id"]
    assert [role for role, _ in asking.said()] == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]


def test_a_loop_that_never_ends_does(asking):
    asking.play(Forever(Turn("```python\nprint(1)\n```")))
    response = asking.ask()
    assert len(calls(response)) == 5 and response["status"] == "completed"
    assert "Code can not be run any more" in asking.scripted.requests[-1].seen.system
    assert len(asking.scripted.requests) == 6


def test_max_tool_calls(asking):
    asking.play(Turn("```python\nprint(1)\n```"), Turn("```python\nprint(2)\n```"))
    response = asking.ask(max_tool_calls=1)
    assert [logs(call) for call in calls(response)] == ["1\n"]
    assert "print(2)" in text(response), "what may not be run is the answer's text"


def test_an_answer_that_breaks_off_within_its_block(asking):
    asking.play(Turn("```python\nprint(1)\n", Disconnect()))
    response = asking.ask()
    assert response["status"] == "failed" and response["error"]["type"] == "provider_unreachable"
    assert [call["status"] for call in calls(response)] == ["incomplete"], "half a program is not run"


def test_results_are_masked_for_a_remote_model(asking):
    asking.play(Turn("```python\nprint('ann@example.com')\n```"), Turn("Done."))
    response = asking.ask(model="far/tiny")
    assert asking.said()[-1] == ("user", "Result of the code:\n[email]\n")
    assert logs(calls(response)[0]) == "ann@example.com\n" and response["cloche"]["masked"] == {"email": 1}


@pytest.mark.data_science
def test_figures_reach_a_model_that_sees(asking):
    block = "```python\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\n```"
    asking.play(Turn(block), Turn("A line."))
    asking.ask(model="near/sees")
    assert len(asking.scripted.requests[-1].seen.items[-1]["images"]) == 1
    asking.play(Turn(block), Turn("A line."))
    asking.ask()
    assert not asking.scripted.requests[-1].seen.items[-1]["images"] and "cannot see" in asking.said()[-1][1]


def test_further_request_fields(asking):
    """`extra` of a provider and of a model; null takes a field away."""
    for model, grammar, template in (("forced", GRAMMAR, True), ("near/tiny", None, True), ("bare", None, False)):
        asking.play(Turn("Hello."))
        asking.ask(model=model)
        body = asking.scripted.requests[0].body
        assert body.get("grammar") == grammar and ("chat_template_kwargs" in body) == template, model


def test_functions_are_refused(asking):
    asking.play()
    reply = asking.client.post("/v1/responses", json=asking.body("Go.", tools=[
        {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]))
    assert reply.status_code == 400 and reply.json()["error"]["code"] == "unsupported_tool"

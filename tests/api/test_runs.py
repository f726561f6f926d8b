"""Runs over HTTP: what the agent loop does in sessions, with a scripted model, seen through Responses."""
import json
import threading

import pytest

from support.machine import wait_until
from support.provider import Call, Gate, Turn, python

TOOL = {"type": "code_interpreter", "container": {"type": "auto"}}


@pytest.fixture
def model(fresh_server, provider):
    """model(script, *flags, …) makes a server with that model; its ask(text, …) gives a response object."""

    def make(script, *flags, wire="chat", **options):
        scripted = provider(script, **options)
        return Asking(fresh_server(*flags, env=scripted.environment(wire)), scripted, wire)

    return make


class Asking:
    def __init__(self, server, scripted, wire="chat"):
        self.server, self.scripted, self.client = server, scripted, server.client()
        self.model = scripted.environment(wire)["MODEL"]

    def ask(self, text="Go.", expect=200, **fields):
        body = {"model": self.model, "input": text, "tools": [TOOL], "include": ["code_interpreter_call.outputs"], **fields}
        reply = self.client.post("/v1/responses", json=body)
        assert reply.status_code == expect, reply.text
        return reply.json()

    def results(self):
        """What the model was told of its code, in order."""
        return [item["text"] for item in self.scripted.requests[-1].seen.items if item["kind"] == "result"]


def calls(response):
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


def logs(call):
    return "".join(output.get("logs", "") for output in call["outputs"])


def text(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def test_state_is_kept_from_call_to_call(model):
    asking = model([Turn(python("x = 20")), Turn(python("x + 1"), python("x + 2")), Turn("Done.")])
    response = asking.ask()
    assert [logs(call) for call in calls(response)] == ["", "21", "22"]
    assert asking.results() == ["(no output)", "21", "22"]
    assert text(response) == "Done." and response["status"] == "completed"


@pytest.mark.data_science
def test_the_model_is_told_what_it_needs(model):
    asking = model([
        Turn(python("import sys\nprint('out'); print('err', file=sys.stderr); 6 * 7")),
        Turn(python("1 / 0")),
        Turn(python("print('a' * 100000)")),
        Turn(python("import not_there.at_all")),
        Turn(python("open('made.txt', 'w').write('12345'); None")),
        Turn("Done.")])
    response = asking.ask()
    plain, error, long, missing, made = asking.results()
    assert plain == "out\nerr\n42"
    assert "ZeroDivisionError: division by zero" in error and "<cell 2>" in error and len(error) < 400
    assert len(long) < 30000 and "left out here" in long
    assert "'not_there' is not installed" in missing and "numpy" in missing and "cloche env build" in missing
    assert made == "File created: /mnt/data/made.txt (5 bytes)"
    assert [call["status"] for call in calls(response)] == ["completed"] * 5


@pytest.mark.limits
def test_deaths_are_answers(model):
    asking = model([
        Turn(python("keep = 1")),
        Turn(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")),
        Turn(python("keep")),
        Turn(python("b = bytearray(2 << 30)")),
        Turn("Done.")])
    response = asking.ask()
    _, killed, after, memory = asking.results()
    assert "interpreter ended" in killed and "variables" in killed
    assert "NameError" in after
    assert "1024 MiB" in memory
    assert [call["status"] for call in calls(response)] == ["completed", "failed", "completed", "failed"]
    assert logs(calls(response)[1]).endswith("[killed: the interpreter ended]")
    assert "[out_of_memory: " in logs(calls(response)[3])


def test_arguments_that_are_no_json(model):
    asking = model([
        Turn(Call("python", "print('raw')")),
        Turn(Call("python", "```python\nprint('fenced')\n```")),
        Turn(Call("python", '{"other": 1}')),
        Turn(Call("nonsense", "{}")),
        Turn("Done.")], strict=False)
    response = asking.ask()
    assert [call["code"] for call in calls(response)] == ["print('raw')", "print('fenced')", ""]
    assert [call["status"] for call in calls(response)] == ["completed", "completed", "failed"]
    assert [logs(call) for call in calls(response)[:2]] == ["raw\n", "fenced\n"]
    assert text(response) == "Done."


@pytest.mark.data_science
def test_figures_are_files_of_the_container_and_cited_first(model):
    asking = model([
        Turn(python("import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nplt.plot([2, 1]); plt.show()\n"
                    "open('r.csv', 'w').write('a')")),
        Turn("😀 see [r](sandbox:/mnt/data/r.csv).")])
    response = asking.ask()
    said = response["output"][-1]["content"][0]
    first, second, link = said["annotations"]
    assert (first["start_index"], first["end_index"], second["start_index"]) == (0, 0, 0)
    assert said["text"][link["start_index"]:link["end_index"]] == "sandbox:/mnt/data/r.csv"
    files = f"/v1/containers/{link['container_id']}/files"
    listed = {f["id"]: f for f in asking.client.get(files).json()["data"]}
    assert set(listed) == {first["file_id"], second["file_id"], link["file_id"]}
    figure = listed[first["file_id"]]
    assert figure["path"] == f"/mnt/data/{first['file_id']}.png" and figure["source"] == "assistant"
    assert first["filename"] == f"{first['file_id']}.png"
    content = asking.client.get(f"{files}/{first['file_id']}/content")
    assert content.content[:8] == b"\x89PNG\r\n\x1a\n" and content.headers["content-type"] == "image/png"
    assert len(content.content) == figure["bytes"]
    assert asking.client.get(files, params={"path": figure["path"]}).json()["data"][0]["id"] == first["file_id"]
    # The scratch does not have it, the archive does, and it can be deleted.
    listing = asking.client.post(f"/v1/containers/{link['container_id']}/execute",
                                 json={"code": "import os; print(os.listdir('.'))"}).json()
    assert listing["stdout"] == "['r.csv']\n"
    archive = asking.client.get(f"/v1/containers/{link['container_id']}/archive").content
    assert first["filename"].encode() in archive
    assert asking.client.delete(f"{files}/{first['file_id']}").status_code == 200
    assert asking.client.get(f"{files}/{first['file_id']}").status_code == 404
    # The model got both pictures beside the result.
    seen = asking.scripted.requests[-1].seen.items
    assert sum(len(item.get("images") or []) for item in seen) == 2


def test_figures_beyond_what_a_container_may_keep(model):
    """They are told, to the model and to the person; those before stay, and deleting one makes room."""
    show = ("class P:\n    def _repr_png_(self):\n        return b'\\x89PNG\\r\\n\\x1a\\n' + bytes(40000)\n"
            "    def __repr__(self):\n        return 'P'\n")
    asking = model([Turn(python(show + "display(P()); display(P()); display(P())")), Turn("Shown."),
                    Turn(python("display(P())")), Turn("Again.")], "--figures-max", "100k")
    response = asking.ask()
    call = calls(response)[0]
    assert call["status"] == "completed" and [o["type"] for o in call["outputs"]].count("image") == 2
    told = asking.results()[0]
    assert "2 figures were displayed to the person" in told and "1 figure was displayed but not kept" in told
    assert [n for n in response["cloche"]["notices"] if "not kept" in n]
    files = f"/v1/containers/{call['container_id']}/files"
    listed = asking.client.get(files).json()["data"]
    assert len(listed) == 2
    assert asking.client.delete(f"{files}/{listed[0]['id']}").status_code == 200
    second = asking.ask(previous_response_id=response["id"])
    assert [o["type"] for o in calls(second)[0]["outputs"]].count("image") == 1 and "notices" not in second["cloche"]


def test_max_tool_calls_ignores_further_attempts(model):
    asking = model([Turn(python("1"), python("2"), python("3")), Turn("Enough.")], strict=False)
    response = asking.ask(max_tool_calls=2)
    assert [logs(call) for call in calls(response)] == ["1", "2"]
    assert text(response) == "Enough."
    assert asking.scripted.requests[1].seen.tools in ([], ["python"])
    assert "Not run" in asking.results()[2]


def test_a_loop_that_never_ends_does(model):
    asking = model(lambda request: Turn(python("1")) if request.seen.tools and request.seen.tool_choice != "none"
                   else Turn("Enough."), "--max-rounds", "3")
    response = asking.ask()
    assert len(calls(response)) == 3 and text(response) == "Enough."


def test_functions_beside_code(model):
    function = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    asking = model([
        Turn(Call("weather", "{}", id="call_w"), python("print('ran')")),
        Turn("Cold, and ran.")])
    first = asking.ask(tools=[TOOL, function])
    assert [item["type"] for item in first["output"]] == ["function_call", "code_interpreter_call"]
    assert logs(calls(first)[0]) == "ran\n" and first["status"] == "completed"
    second = asking.ask([{"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "-3"}],
                        previous_response_id=first["id"], tools=[TOOL, function])
    assert text(second) == "Cold, and ran."
    assert sorted(asking.results()) == ["-3", "ran\n"]


def test_cancelling_interrupts_the_code_and_keeps_the_session(model):
    asking = model([Turn(python("n = 1")), Turn(python("while True: pass")), Turn("Never said.")])
    begun = asking.ask(background=True, stream=False)
    path = f"/v1/responses/{begun['id']}"
    container = wait_until(lambda: next((c["id"] for c in asking.client.get("/v1/containers").json()["data"]), None),
                           20, "the container")
    wait_until(lambda: len(asking.client.get(f"/v1/containers/{container}/executions").json()["data"]) == 2, 20,
               "the endless code")
    assert asking.client.post(f"{path}/cancel").status_code == 200
    ended = wait_until(lambda: (lambda r: r if r["status"] == "cancelled" else None)(asking.client.get(path).json()),
                       20, "the end")
    assert [item["status"] for item in calls(ended)] == ["completed", "incomplete"]
    after = asking.client.post(f"/v1/containers/{container}/execute", json={"code": "n"}).json()
    assert after["result"] == "1" and after["state"] == "kept"


def test_two_runs_in_one_container_take_turns(model):
    asking = model(lambda request: Turn(python("n = globals().get('n', 0) + 1; n")) if request.seen.round == 0
                   else Turn("Done."))
    container = asking.client.post("/v1/containers", json={"name": "shared"}).json()["id"]
    tool = {"type": "code_interpreter", "container": container}
    found = []

    def one():
        response = asking.ask(tools=[tool])
        found.append(logs(calls(response)[0]))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(found, key=int) == [str(n) for n in range(1, 9)]


def test_code_comes_while_the_model_writes_it(model):
    gate = Gate()
    asking = model([Turn(Call("python", '{"code": "print(1)', gate, '"}')), Turn("Done.")])
    seen = []
    body = {"model": asking.model, "input": "Go.", "tools": [TOOL], "stream": True}
    with asking.client.stream("POST", "/v1/responses", json=body) as reply:
        for line in reply.iter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line[5:]))
                if seen[-1]["type"] == "response.code_interpreter_call_code.delta":
                    gate.open()
    code = "".join(e["delta"] for e in seen if e["type"] == "response.code_interpreter_call_code.delta")
    assert code == "print(1)" and seen[-1]["type"] == "response.completed"


def test_masked_for_a_remote_model_whole_for_the_caller(fresh_server, provider, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"redaction": {"patterns": ["email"], "columns": ["salary"]}}))
    scripted = provider([Turn(python("print('ann@example.com\\nname,salary\\nAnn,1000')")), Turn("Done.")])
    server = fresh_server("--config", str(config), env=scripted.environment("chat"))
    asking = Asking(server, scripted)
    response = asking.ask()
    assert asking.results() == ["[email]\nname,salary\nAnn,[salary]\n"]
    assert logs(calls(response)[0]) == "ann@example.com\nname,salary\nAnn,1000\n"
    assert response["cloche"]["masked"] == {"email": 1, "column:salary": 1}


@pytest.mark.parametrize("table, whole", [({}, ["near/gpt", "ollama/gpt"]), ({"local": True}, [])])
def test_who_is_shown_what_stays_on_this_machine(fresh_server, provider, tmp_path, table, whole):
    """Masking is off for models of this machine, unless it is asked for; on for all others, a cloud model of Ollama's too."""
    scripted = provider([Turn(python("print('ann@example.com')")), Turn("Done.")], order="rounds")
    where = {"base_url": scripted.base_url("chat"), "api_key_env": "SCRIPTED_KEY"}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"redaction": {"patterns": ["email"], **table},
                                  "providers": {"near": {**where, "local": True}, "far": where,
                                                "ollama": {"api_key_env": "SCRIPTED_KEY", "auth": "bearer"}}}))
    server = fresh_server("--config", str(config), env={"SCRIPTED_KEY": scripted.key, "OLLAMA_HOST": scripted.url})
    asking = Asking(server, scripted)
    for name in ("near/gpt", "ollama/gpt", "far/gpt", "ollama/gpt-cloud"):
        response = asking.ask(model=name)
        told, masked = ("ann@example.com\n", {}) if name in whole else ("[email]\n", {"email": 1})
        assert (asking.results(), response["cloche"]["masked"]) == ([told], masked), name
        assert logs(calls(response)[0]) == "ann@example.com\n", name


def test_nul_and_foreign_text_reach_everybody(model):
    asking = model([Turn(python("print('a\\0b é😀')")), Turn("Done.")])
    response = asking.ask()
    assert logs(calls(response)[0]) == "a\ufffdb é😀\n"
    assert asking.results() == ["a\ufffdb é😀\n"]

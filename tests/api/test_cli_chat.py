"""`cloche chat` with a scripted model, and what it stands on: live outputs and a response's notebook."""
import nbformat
import pytest

from support.api import error_of, events
from support.provider import Refuse, Turn, python

FIGURE = "import base64, pathlib\nprint('counting'); pathlib.Path('made.csv').write_text('a\\n1\\n'); 6 * 7"
SCRIPT = [Turn("Let me see.", python(FIGURE)), Turn("It is **42**: [made](sandbox:/mnt/data/made.csv)"),
          Turn("You are welcome.")]


@pytest.fixture
def scripted(provider, fresh_server):
    def make(script):
        model = provider(script)
        return fresh_server(env=model.environment("chat")), model
    return make


@pytest.fixture
def chat(call, scripted, tmp_path):
    def run(script, typed, *flags):
        server, model = scripted(script)
        folder = tmp_path / "here"
        folder.mkdir()
        done = call("chat", "--url", server.url, "--model", "gpt-scripted", "--environment", "base", *flags,
                    stdin=typed, cwd=folder)
        return done, folder, server, model
    return run


def test_a_conversation(chat):
    done, folder, server, model = chat(SCRIPT, "what is it?\nthanks\n/save talk.ipynb\n/save talk.html\n")
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    assert shown.index("Let me see.") < shown.index("  │ import base64") < shown.index("  · counting")
    assert shown.index("  · counting") < shown.index("  · 42") < shown.index("It is **42**") < shown.index("You are welcome.")
    assert (folder / "made.csv").read_text() == "a\n1\n"
    book = nbformat.read(folder / "talk.ipynb", as_version=4)
    nbformat.validate(book)
    assert [c.source for c in book.cells] == [
        "what is it?", "Let me see.", FIGURE, "It is **42**: [made](sandbox:/mnt/data/made.csv)", "thanks", "You are welcome."]
    assert [o.output_type for o in book.cells[2].outputs] == ["stream", "execute_result"]
    assert "<strong>42</strong>" in (folder / "talk.html").read_text()
    with server.client() as client:
        assert client.get("/v1/containers").json()["data"] == [], "the session outlives the conversation"


def test_files_given_and_words_for_mistakes(chat, tmp_path):
    (tmp_path / "in.txt").write_text("seven")
    code = "print(open('in.txt').read())"
    done, *_ = chat([Turn(python(code)), Turn("read")],
                    f"/file {tmp_path}/none.txt\n/what\n/model\n/save x.docx\nread it\n", tmp_path / "in.txt")
    assert done.returncode == 0, done.stderr
    assert "in.txt is in the session." in done.stdout and "  · seven" in done.stdout
    assert "none.txt: No such file" in done.stderr and '"/what"' in done.stderr
    assert "gpt-scripted answers." in done.stdout and ".ipynb, .py or .html" in done.stderr


def test_nor_do_those_of_an_error(chat):
    done, *_ = chat([Turn("a"), Refuse("context_length", message="too\x1b]0;title\x07 long")], "go\nmore\n")
    assert "too" in done.stderr and "\x1b" not in done.stdout + done.stderr


def test_control_bytes_do_not_reach_the_terminal(chat):
    done, *_ = chat([Turn("a\x1b]0;title\x07b\u009bc")], "go\n")
    assert "a]0;titlebc" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.parametrize("name, value", [("TEMPERATURE", "warm"), ("TEMPERATURE", "3"), ("MAX_ITERATIONS", "0")])
def test_a_variable_that_is_no_number_is_said(call, name, value):
    done = call("chat", stdin="hello\n", env={name: value})
    assert done.returncode == 2 and f"{name}: a number from" in done.stderr


def test_a_failure_ends_a_script_of_messages(call):
    done = call("chat", "--url", "http://127.0.0.1:1", stdin="hello\n")
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr


def test_live_outputs_only_for_who_asks(scripted):
    server, model = scripted(SCRIPT[:2] * 2)
    body = {"model": "gpt-scripted", "input": "go", "stream": True,
            "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}
    with server.client() as client:
        def types(**fields):
            with client.stream("POST", "/v1/responses", json={**body, **fields}) as answer:
                return list(events(answer))
        plain, live = types(), types(stream_options={"cloche_events": True})
    assert not any(name.startswith("cloche.") for name, _ in plain)
    extra = [event for name, event in live if name == "cloche.execution.output"]
    assert extra[0]["output"] == {"type": "stdout", "text": "counting\n"} and "sequence_number" not in extra[0]
    assert [name for name, _ in live if not name.startswith("cloche.")] == [name for name, _ in plain]


def test_a_responses_notebook(scripted):
    server, model = scripted(SCRIPT[:2])
    with server.client() as client:
        response = client.post("/v1/responses", json={
            "model": "gpt-scripted", "input": "go", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}).json()
        path = f"/v1/responses/{response['id']}/notebook"
        book = nbformat.reads(client.get(path).text, as_version=4)
        nbformat.validate(book)
        assert [c.cell_type for c in book.cells] == ["markdown", "markdown", "code", "markdown"]
        compile(client.get(path, params={"format": "py"}).text, "x.py", "exec")
        assert client.get(path, params={"format": "pdf"}).status_code == 400
        missing = client.get("/v1/responses/resp_none/notebook")
        assert missing.status_code == 404 and "resp_none" in error_of(missing)["message"]
        # without its container what is left is the code and its log
        client.delete(f"/v1/containers/{next(i for i in response['output'] if i['type'] == 'code_interpreter_call')['container_id']}")
        book = nbformat.reads(client.get(path).text, as_version=4)
        assert book.cells[2].source == FIGURE and "counting" in book.cells[2].outputs[0].text

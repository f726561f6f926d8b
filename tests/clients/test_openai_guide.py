"""The calls of OpenAI's guide to the code interpreter, by curl and by its Python client (by its JavaScript client:
node/scenarios.mjs). Address and key come from the environment, as the guide has it."""
import json
import os
import subprocess

import pytest
from openai import OpenAI
from support.guide import EQUATION, MEMORY, ROOTS, SAVE, SCRIPTS
from support.wires import WiresServer

TUTOR = "You are a personal math tutor. Write and run code with the python tool to answer."


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("guide"), SCRIPTS) as running:
        yield running


@pytest.fixture
def client(wires, monkeypatch):
    for name in [name for name in os.environ if "proxy" in name.lower()]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{wires.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234")
    with OpenAI() as made:
        yield made


@pytest.fixture
def curl(client):
    """curl(path, body or None) -> what it printed, as the guide writes a request."""
    def run(path, body=None):
        words = ["curl", "-sS", "--fail-with-body", os.environ["OPENAI_BASE_URL"] + path,
                 "-H", f"Authorization: Bearer {os.environ['OPENAI_API_KEY']}"]
        if body is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = subprocess.run(words, capture_output=True, timeout=60)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout
    return run


def test_a_container_by_itself(client):
    response = client.responses.create(
        model="gpt-4.1", instructions=TUTOR, input=EQUATION,
        tools=[{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": MEMORY}}])
    call, message = response.output
    assert call.type == "code_interpreter_call" and call.code.startswith("x =") and call.status == "completed"
    assert response.output_text.endswith("x = 1.")
    assert client.containers.retrieve(call.container_id).memory_limit == MEMORY


def test_a_container_by_itself_by_curl(curl):
    response = json.loads(curl("/responses", {
        "model": "gpt-4.1", "instructions": TUTOR, "input": EQUATION,
        "tools": [{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": MEMORY}}]}))
    assert response["output"][1]["content"][0]["text"].endswith("x = 1.")
    assert response["tools"][0]["container"] == {"type": "auto", "memory_limit": MEMORY}


def test_a_container_of_ones_own(wires, client):
    container = client.containers.create(name="test-container", memory_limit=MEMORY)
    assert container.memory_limit == MEMORY and container.status == "running"
    response = client.responses.create(
        model="gpt-4.1", tools=[{"type": "code_interpreter", "container": container.id}], tool_choice="required", input=ROOTS)
    assert response.output_text == "15.28, 3.909 and 1.977."
    assert response.output[0].container_id == container.id
    assert [request.seen.tool_choice for request in wires.provider.requests[-2:]] == ["required", "auto"]
    again = client.responses.retrieve(response.id, include=["code_interpreter_call.outputs"])
    assert again.output[0].outputs[0].logs == "(15.28, 3.909, 1.977)"


def test_a_container_of_ones_own_by_curl(curl):
    container = json.loads(curl("/containers", {"name": "My Container", "memory_limit": MEMORY}))
    response = json.loads(curl("/responses", {
        "model": "gpt-4.1", "tools": [{"type": "code_interpreter", "container": container["id"]}],
        "tool_choice": "required", "input": ROOTS}))
    assert response["output"][0]["container_id"] == container["id"]
    assert json.loads(curl(f"/containers/{container['id']}"))["name"] == "My Container"


def test_files_in_and_out(client, curl, tmp_path):
    """A file by id and one in the question go in; what the answer cites comes out, by the client and by curl."""
    path = tmp_path / "note.txt"
    path.write_text("a note")
    note = client.files.create(file=path.open("rb"), purpose="user_data")
    other = client.files.create(file=("other.txt", b"other"), purpose="user_data")
    response = client.responses.create(
        model="gpt-4.1", include=["code_interpreter_call.outputs"],
        tools=[{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": MEMORY, "file_ids": [other.id]}}],
        input=[{"role": "user", "content": [{"type": "input_file", "file_id": note.id}, {"type": "input_text", "text": SAVE}]}])
    call, message = response.output
    assert call.outputs[0].logs == "'a note'"
    said = message.content[0]
    cited, = said.annotations
    assert cited.type == "container_file_citation" and cited.filename == "squares.csv"
    assert said.text[cited.start_index:cited.end_index] == "sandbox:/mnt/data/squares.csv"
    assert cited.container_id == call.container_id
    content = client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id)
    assert content.read() == b"0\n1\n4\n9"
    files = f"/containers/{cited.container_id}/files"
    assert curl(f"{files}/{cited.file_id}/content") == b"0\n1\n4\n9"
    listed = {entry["path"]: entry["source"] for entry in json.loads(curl(files))["data"]}
    assert listed == {"/mnt/data/note.txt": "user", "/mnt/data/other.txt": "user", "/mnt/data/squares.csv": "assistant"}
    client.containers.files.delete(cited.file_id, container_id=cited.container_id)
    assert len(list(client.containers.files.list(cited.container_id))) == 2

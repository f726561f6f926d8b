"""A real llama.cpp server with a real small model: real tokens, a real stream, real executions.

The model says little of sense, and `tool_choice` does not constrain it. A grammar does: it forces a fenced block, so the
path for models without tool calls is walked until the limit of rounds. `make check-full` runs this; tools/llama makes
what it needs."""
import json
import os
import re
import socket
import subprocess

import httpx
import pytest

from support.machine import wait_until
from support.server import Server

TOOL = {"type": "code_interpreter", "container": {"type": "auto"}}
SUM = 'root ::= "```python\\nprint(" [1-9] [0-9] "+" [1-9] [0-9] ")\\n```\\n" [a-z ]{30,60}'
WORDS = 'root ::= [a-z ]{10,40} "."'


class Llama:
    def __init__(self, folder, log):
        self.program, self.log = folder / "llama-server", log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.program.resolve().parent)}
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [str(self.program.resolve()), "--model", str(folder / "model.gguf"), "--jinja", "--ctx-size", "8192",
                 "--threads", "2", "--host", "127.0.0.1", "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)

    def healthy(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def llama(build, tmp_path_factory):
    folder = build / "llama"
    if not (folder / "model.gguf").exists():
        pytest.fail("build/llama is missing: tools/llama")
    running = Llama(folder, tmp_path_factory.mktemp("llama") / "log")
    try:
        wait_until(running.healthy, 120, "the model to be loaded")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(cloche, environments, llama, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "config.json").write_text(json.dumps({
        "providers": {"llama.cpp": {"base_url": f"http://127.0.0.1:{llama.port}/v1", "local": True}},
        "models": {"sums": {"provider": "llama.cpp", "model": "gemma", "tools": False, "extra": {"grammar": SUM}},
                   "words": {"provider": "llama.cpp", "model": "gemma", "extra": {"grammar": WORDS}}}}))
    with Server(cloche, folder / "state", environments, "--config", str(folder / "config.json"), "--max-rounds", "3") as server, \
            server.client(timeout=300) as made:
        yield made


def calls(response):
    return [item for item in response["output"] if item["type"] == "code_interpreter_call"]


def check(response):
    """Each block was run, what it printed is the sum, and the limit of rounds ended it."""
    assert response["status"] == "completed" and len(calls(response)) == 3
    for call in calls(response):
        left, right = map(int, re.fullmatch(r"print\((\d\d)\+(\d\d)\)\n", call["code"]).groups())
        assert call["status"] == "completed" and call["outputs"] == [{"type": "logs", "logs": f"{left + right}\n"}]
    said = response["output"][-1]
    assert said["type"] == "message" and said["content"][0]["text"].startswith("```python\nprint(")
    assert response["usage"]["input_tokens"] > 100 and response["usage"]["output_tokens"] > 20


def body(**fields):
    return {"model": "sums", "input": "Add two numbers.", "tools": [TOOL], "include": ["code_interpreter_call.outputs"], **fields}


def test_blocks_are_run_until_the_limit_of_rounds(client):
    check(client.post("/v1/responses", json=body()).json())


def test_streamed(client):
    with client.stream("POST", "/v1/responses", json=body(stream=True)) as reply:
        events = [json.loads(line[5:]) for line in reply.iter_lines() if line.startswith("data:")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    pieces = [e["delta"] for e in events if e["type"] == "response.code_interpreter_call_code.delta"]
    assert len(pieces) > 3 * 3, "code comes token by token"
    check(events[-1]["response"])


def test_chat_completions(client):
    message = client.post("/v1/chat/completions", json={
        "model": "sums", "messages": [{"role": "user", "content": "Add."}], "tools": [TOOL]}).json()["choices"][0]["message"]
    assert len(message["code_interpreter"]["calls"]) == 3


def test_plain_text_and_its_usage(client):
    response = client.post("/v1/responses", json={"model": "words", "input": "Hello."}).json()
    assert re.fullmatch(r"[a-z ]{10,40}\.", response["output"][-1]["content"][0]["text"])
    assert response["usage"]["output_tokens"] > 2


def test_it_is_listed(client):
    assert [m for m in client.get("/v1/models").json()["data"] if m["id"].startswith("llama.cpp/")]

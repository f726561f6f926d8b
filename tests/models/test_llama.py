"""A real llama.cpp server with a real small model: real tokens, a real stream, real executions.

The model says little of sense, and `tool_choice` does not constrain it. A grammar does: it forces a fenced block, so the
path for models without tool calls is walked until the limit of rounds. `make check-full` runs this; tools/llama makes
what it needs."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from support.machine import wait_until
from support.server import Server

pytestmark = pytest.mark.timeout(600)  # some seconds on a quiet machine; every token of three rounds on a busy one
TOOL = {"type": "code_interpreter", "container": {"type": "auto"}}
SUM = 'root ::= "```python\\nprint(" [1-9] [0-9] "+" [1-9] [0-9] ")\\n```\\n" [a-z ]{5,20}'
WORDS = 'root ::= [a-z ]{10,40} "."'


# A network of its own, whose loopback works: there the default port is free, whatever the machine runs.
APART = ["unshare", "--net", sys.executable, "-c", """
import fcntl, os, socket, struct, sys
with socket.socket() as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execvp(sys.argv[1], sys.argv[1:])
"""]


class Llama:
    """llama-server with the model; one thread, because two of them spin for each other when a core is busy."""

    def __init__(self, folder, log, port, prefix=()):
        program, self.log, self.port = (folder / "llama-server").resolve(), log, port
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [*prefix, str(program), "--model", str(folder / "model.gguf"), "--jinja", "--ctx-size", "8192",
                 "--threads", "1", "--parallel", "1", "--host", "127.0.0.1", "--port", str(port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, "LD_LIBRARY_PATH": str(program.parent)})

    def serves(self):
        """It says so in its log: where it has a network of its own, nobody here can ask."""
        said = self.log.read_text(errors="replace")
        assert self.process.poll() is None, said[-3000:]
        return "listening on http" in said

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def made(build):
    folder = build / "llama"
    if not (folder / "model.gguf").exists():
        pytest.fail("build/llama is missing: tools/llama")
    return folder


@pytest.fixture(scope="module")
def llama(made, tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Llama(made, tmp_path_factory.mktemp("llama") / "log", port)
    try:
        wait_until(running.serves, 120, "the model to be loaded")
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
            server.client(timeout=300) as asks:
        yield asks


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
    found = [m["id"] for m in client.get("/v1/models").json()["data"] if m["owned_by"] == "llama.cpp"]
    assert {"sums", "words"} <= set(found) and len(found) == 3, "the names of the configuration, and llama-server's own"


@pytest.mark.root  # a network of its own
def test_one_on_its_default_port_is_found(made, cloche, environments, tmp_path):
    """No key, no configuration: the model that is there is the one that answers."""
    short = Path(tempfile.mkdtemp(prefix="cloche-test-"))  # a socket's path has 107 bytes at most
    llama = Llama(made, tmp_path / "llama.log", 8080, APART)
    try:
        wait_until(llama.serves, 120, "the model to be loaded")
        beside = ["nsenter", f"--net=/proc/{llama.process.pid}/ns/net"]
        with Server(cloche, tmp_path / "state", environments, prefix=beside, listen=[f"unix:{short}/socket"]), \
                httpx.Client(base_url="http://localhost", timeout=300, transport=httpx.HTTPTransport(uds=f"{short}/socket")) as asks:
            found = wait_until(lambda: [m for m in asks.get("/v1/models").json()["data"] if m["owned_by"] == "llama.cpp"],
                               30, "it to be found")
            response = asks.post("/v1/responses", json={"model": found[0]["id"], "input": "Hello.", "max_output_tokens": 16}).json()
            assert response["status"] in ("completed", "incomplete"), response
            assert response["usage"]["output_tokens"] > 0, response
    finally:
        llama.stop()
        shutil.rmtree(short)

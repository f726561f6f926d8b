"""The three client samples of the Explorer's page (tests/seeds/explorer), as written but for the server's port. The sample
for browsers gets what a page would have: an <input type=file> with a file chosen."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parent.parent / "seeds" / "explorer"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def sample(name, server):
    return (SEEDS / name).read_text().replace("http://localhost:8000", f"http://localhost:{server.port}")


def run(*command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=90, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_requests(server):
    assert "2, 3, 5, 7, 11, 13, 17, 19, 23, 29" in run(sys.executable, "-", text=sample("chat.py", server))


@pytest.fixture
def node(build):
    program = build / "node" / "bin" / "node"
    if not program.exists():
        pytest.fail(f"{program} is missing: tools/node makes it")
    return program


def test_fetch(server, client, node):
    page = "const fileInput = {files: [new File(['a,b\\n1,2\\n'], 'data.csv', {type: 'text/csv'})]}\n"
    file_id = run(node, "--input-type=module", "-", text=page + sample("upload.js", server)).strip()
    assert client.get(f"/api/file/{file_id}").content == b"a,b\n1,2\n"


def test_curl(server):
    decoder, told = json.JSONDecoder(), run("bash", "-e", text=sample("chat.sh", server))
    thread, end = decoder.raw_decode(told)
    answer, _ = decoder.raw_decode(told[end:].lstrip())
    assert thread["status"] == "created" and thread["thread_id"].startswith("thread_")
    assert "4181" in answer["message"] or "34" in answer["message"]

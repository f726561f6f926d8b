"""Every sample of docs/responses.md and docs/chat-completions.md, run as it stands there but for the address: what
curl does by a shell, what the Python client does one after another in one program."""
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.provider import Turn, python
from support.wires import WiresServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("responses.md", "chat-completions.md")
PRIMES = "sum(all(n % d for d in range(2, int(n ** 0.5) + 1)) for n in range(2, 10000))"
SCRIPTS = {
    "How many primes": [Turn(python(PRIMES, size=9)), Turn("There are ", "1229.")],
    "A long question.": [Turn("An ", "answer.")],
    "Draw sales by quarter.": [Turn(python("open('sales.svg', 'w').write('<svg/>'); None")),
                               Turn("See [sales](sandbox:/mnt/data/sales.svg).")],
    "The 50th prime?": [Turn(python("229")), Turn("229.")],
}


def samples(page, language):
    """Its indented blocks and those in fences, in order; `curl …` is the shell's, what parses as Python is Python's."""
    text, fenced = (DOCS / page).read_text(), re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^    .*\n|(?<=\n)\n(?=    ))+", fenced.sub("", text), re.MULTILINE)
    found = fenced.findall(text) + [("", textwrap.dedent(block)) for block in indented]
    for fence, block in found:
        if (fence or ("sh" if block.lstrip().startswith("curl ") else "python")) == language:
            yield block.strip("\n")


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("docs"), SCRIPTS) as running:
        yield running


@pytest.fixture
def run(wires, tmp_path):
    def execute(command, program):
        clean = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and "proxy" not in k.lower()}
        program = program.replace("http://127.0.0.1:8000", wires.url)
        done = subprocess.run([*command, program], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout
    return execute


@pytest.mark.parametrize("page", PAGES)
def test_curl(run, page):
    sample, = samples(page, "sh")
    told = [line[6:] for line in run(["bash", "-c"], sample).splitlines() if line.startswith("data: ")]
    if page == "chat-completions.md":
        assert told.pop() == "[DONE]"
    told = [json.loads(line) for line in told]
    assert "1229" in json.dumps(told[-1] if page == "responses.md" else [c["choices"] for c in told])
    if page == "responses.md":
        assert told[-1]["type"] == "response.completed"
        assert "response.code_interpreter_call_code.delta" in [event["type"] for event in told]
    else:
        assert told[-1]["usage"]["total_tokens"] == 30
        assert told[-2]["choices"][0]["delta"]["code_interpreter"]["calls"][0]["outputs"] == [{"type": "logs", "logs": "1229"}]


def test_python(run, tmp_path):
    program = "\n".join(sample for page in PAGES for sample in samples(page, "python"))
    assert program.count("client.responses.create(") == 3 and program.count("client.chat.completions.create(") == 1
    said = run([sys.executable, "-c"], program + "\nprint(answer.choices[0].message.code_interpreter['calls'][0]['code'])")
    assert "squares.csv" in said and "response.completed" in said and said.endswith("\n229\n")
    assert (tmp_path / "sales.svg").read_text() == "<svg/>"

"""LiteLLM as a client, and every sample of its code interpreter page (tests/seeds/litellm), run as written apart from
the address, and the container where the page leaves one out. Runs in build/litellm-venv."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from support.provider import Turn, python

SEEDS = Path(__file__).resolve().parent.parent / "seeds" / "litellm"
MADE = [Turn(python("open('made.csv', 'w').write('a,b')")), Turn("See [it](sandbox:/mnt/data/made.csv).")]


@pytest.fixture
def served(provider, fresh_server):
    return fresh_server(env=provider(MADE, order="rounds").environment("chat"))


@pytest.fixture
def run(served, build, tmp_path):
    """run(program text) -> what it printed."""
    interpreter = build / "litellm-venv" / "bin" / "python"
    if not interpreter.exists():
        pytest.fail("build/litellm-venv is missing: tools/test-venv litellm-venv requirements-litellm.txt")

    def execute(program, shell=False):
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and "proxy" not in k.lower()}
        environment |= {"OPENAI_API_KEY": "sk-1234", "OPENAI_BASE_URL": f"{served.url}/v1", "OPENAI_API_BASE": f"{served.url}/v1",
                        "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = ["bash", "-c", program] if shell else [interpreter, "-c", program]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return execute


def sample(name, served):
    return (SEEDS / name).read_text().replace("http://localhost:4000", served.url)


def test_the_request_by_curl(run, served):
    response = json.loads(run(sample("code_interpreter_request.sh", served), shell=True))
    assert response["status"] == "completed" and response["tools"] == [{"type": "code_interpreter", "container": {"type": "auto"}}]
    assert response["output"][1]["content"][0]["annotations"][0]["filename"] == "made.csv"


def test_the_python_sdk(run, served):
    said = run(sample("code_interpreter.py", served))
    assert "code_interpreter_call" in said and "sandbox:/mnt/data/made.csv" in said


def test_the_openai_client(run, served):
    said = run(sample("code_interpreter_openai_client.py", served))
    assert "ResponseCodeInterpreterToolCall" in said and "made.csv" in said


def test_streaming(run, served):
    said = run(sample("code_interpreter_streaming.py", served))
    assert "response.code_interpreter_call_code.delta" in said and "response.completed" in said


def test_retrieving_files(run, served, tmp_path):
    response = json.loads(run(sample("code_interpreter_request.sh", served), shell=True))
    container = response["output"][0]["container_id"]
    program = sample("retrieve_files.py", served).replace("cntr_abc123...", container)
    # The page is of another version of LiteLLM: this one keeps the functions one level below, and its own file
    # object drops the `filename` that we send.
    program = program.replace("from litellm import", "from litellm.containers import")
    run(program.replace("file.filename", "file.path.rsplit('/', 1)[1]"))
    assert (tmp_path / "made.csv").read_bytes() == b"a,b"


# ---- litellm.completion: chat completions, which the page does not show ---------------------------------------

COMPLETION = """
import asyncio, litellm

ask = dict(model="openai/gpt-scripted", messages=[{"role": "user", "content": "Make a table."}],
           tools=[{"type": "code_interpreter", "container": {"type": "auto"}}])
TEXT = "See [it](sandbox:/mnt/data/made.csv)."


def check(message):
    assert message.content == TEXT, message
    ran = message.provider_specific_fields["code_interpreter"]  # where LiteLLM keeps what it does not know
    call, = ran["calls"]
    assert call["type"] == "code_interpreter_call" and call["status"] == "completed", call
    assert call["code"] == "open('made.csv', 'w').write('a,b')" and call["outputs"] == [{"type": "logs", "logs": "3"}], call
    cited, = ran["citations"]
    assert message.content[cited["start_index"]:cited["end_index"]] == "sandbox:/mnt/data/made.csv", cited
    return cited


whole = litellm.completion(**ask)
assert whole.choices[0].finish_reason == "stop" and whole.usage.total_tokens == 30, whole
cited = check(whole.choices[0].message)
content = litellm.containers.retrieve_container_file_content(
    container_id=cited["container_id"], file_id=cited["file_id"], custom_llm_provider="openai")
assert content == b"a,b", content

chunks = list(litellm.completion(**ask, stream=True, stream_options={"include_usage": True}))
assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT, chunks
built = litellm.stream_chunk_builder(chunks, messages=ask["messages"])
assert built.choices[0].message.content == TEXT and built.usage.total_tokens == 30, built
# LiteLLM drops what it does not know of a delta beside a finish_reason: the files are found in the container.

again = ask["messages"] + [whole.choices[0].message.model_dump(), {"role": "user", "content": "And again."}]
check(litellm.completion(**{**ask, "messages": again}).choices[0].message)


async def several():
    for found in await asyncio.gather(*(litellm.acompletion(**ask) for _ in range(4))):
        check(found.choices[0].message)
    chunks = [chunk async for chunk in await litellm.acompletion(**ask, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT, chunks


asyncio.run(several())
"""


def test_completion_with_the_interpreter(run):
    run(COMPLETION)

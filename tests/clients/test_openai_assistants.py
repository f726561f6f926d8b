"""The official OpenAI SDK, unchanged and validating strictly, against Assistants: client.beta and its helpers."""
import asyncio
import io
import json
import subprocess
from pathlib import Path

import httpx
import openai
import pytest
from openai import AssistantEventHandler, AsyncAssistantEventHandler
from support.provider import Call, Provider, Turn, asked, python
from support.server import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
INTERPRETER = {"type": "code_interpreter"}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}
DRAW = ("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('drawn')\n"
        "open('made.csv', 'w').write('a,b')\n")
SCRIPTS = {
    "six times seven": [Turn(python("print('hi')\n6*7", size=4)), Turn("It is ", "42. 😀")],
    "the weather": [Turn("Let me ask.", Call("weather", '{"city":', ' "Ulm"}', id="call_w")), Turn("Rain.")],
    "draw it": [Turn(python(DRAW, size=9)), Turn("Here, ", "and [data](sandbox:/mnt/data/made.csv).")],
    "look around": [Turn(python("print(open('in.csv').read())")), Turn("Read.")],
    "look twice": [Turn(python("print(open('b.csv').read() if open('c.csv').read() == 'c' else '')")), Turn("Read.")],
    "and again": [Turn(python("print(6)"), python("print(7)")), Turn("Both.")],
}


@pytest.fixture(scope="module")
def served(cloche, environments, tmp_path_factory):
    scripted = Provider(asked(SCRIPTS)).start()
    with Server(cloche, tmp_path_factory.mktemp("assistants") / "state", environments,
                env=scripted.environment("chat")) as server:
        yield f"{server.url}/v1"
    scripted.stop()
    assert not scripted.violations, scripted.violations


@pytest.fixture
def sdk(served):
    with openai.OpenAI(base_url=served, api_key="sk-1234", max_retries=0, _strict_response_validation=True,
                       http_client=httpx.Client(trust_env=False, timeout=90)) as client:
        yield client


@pytest.fixture
def assistant(sdk):
    return sdk.beta.assistants.create(model="gpt-scripted", name="A", instructions="I", tools=[INTERPRETER, WEATHER],
                                      metadata={"k": "v"})


def asks(sdk, words, **fields):
    return sdk.beta.threads.create(messages=[{"role": "user", "content": words, **fields}])


class Handler(AssistantEventHandler):
    """Notes every call, as programs print them."""

    def __init__(self):
        super().__init__()
        self.notes, self.names, self.code, self.logs, self.text, self.images = [], [], "", "", "", []

    def on_event(self, event):
        self.names.append(event.event)

    def on_text_created(self, text):
        self.notes.append("text created")

    def on_text_delta(self, delta, snapshot):
        self.text += delta.value or ""
        assert delta.value is None or snapshot.value.endswith(delta.value)

    def on_text_done(self, text):
        self.notes.append(f"text done {text.value}")

    def on_image_file_done(self, image_file):
        self.images.append(image_file.file_id)

    def on_tool_call_created(self, tool_call):
        self.notes.append(f"{tool_call.type} created")

    def on_tool_call_delta(self, delta, snapshot):
        if delta.type == "code_interpreter":
            self.code += delta.code_interpreter.input or ""
            for output in delta.code_interpreter.outputs or []:
                if output.type == "logs":
                    self.logs += output.logs

    def on_message_done(self, message):
        self.notes.append(f"message {message.status}")

    def on_run_step_done(self, run_step):
        self.notes.append(f"{run_step.type} {run_step.status}")

    def on_exception(self, exception):
        raise exception


def test_assistants(sdk, assistant):
    assert sdk.beta.assistants.retrieve(assistant.id) == assistant
    changed = sdk.beta.assistants.update(assistant.id, name="B", temperature=0.2)
    assert changed.name == "B" and changed.temperature == 0.2 and changed.metadata == {"k": "v"}
    assert assistant.id in [a.id for a in sdk.beta.assistants.list(limit=2)]
    assert sdk.beta.assistants.delete(assistant.id).deleted
    with pytest.raises(openai.NotFoundError, match="No assistant found"):
        sdk.beta.assistants.retrieve(assistant.id)
    with pytest.raises(openai.BadRequestError, match="file_search"):
        sdk.beta.assistants.create(model="m", tools=[{"type": "file_search"}])


def test_create_and_poll(sdk, assistant):
    thread = asks(sdk, "six times seven")
    run = sdk.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "completed" and run.usage.total_tokens > 0 and run.model == "gpt-scripted"
    steps = list(sdk.beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc", limit=1))
    assert [s.type for s in steps] == ["tool_calls", "message_creation"]
    call = steps[0].step_details.tool_calls[0].code_interpreter
    assert call.input == "print('hi')\n6*7" and call.outputs[0].logs == "hi\n42"
    assert sdk.beta.threads.runs.steps.retrieve(steps[0].id, run_id=run.id, thread_id=thread.id) == steps[0]
    messages = list(sdk.beta.threads.messages.list(thread.id, limit=1))
    assert [m.role for m in messages] == ["assistant", "user"]
    assert messages[0].content[0].text.value == "It is 42. 😀" and messages[0].run_id == run.id
    assert sdk.beta.threads.runs.list(thread.id).data == [run]
    assert sdk.beta.threads.runs.update(run.id, thread_id=thread.id, metadata={"a": "b"}).metadata == {"a": "b"}
    assert sdk.beta.threads.delete(thread.id).deleted


def test_the_handler(sdk, assistant):
    handler = Handler()
    with sdk.beta.threads.runs.stream(thread_id=asks(sdk, "six times seven").id, assistant_id=assistant.id,
                                      event_handler=handler) as stream:
        stream.until_done()
    assert handler.code == "print('hi')\n6*7" and handler.logs == "hi\n42" and handler.text == "It is 42. 😀"
    assert "code_interpreter created" in handler.notes and "text created" in handler.notes
    assert "text done It is 42. 😀" in handler.notes and "message completed" in handler.notes
    assert "tool_calls completed" in handler.notes and "message_creation completed" in handler.notes
    assert handler.names[-1] == "thread.run.completed"
    run = handler.get_final_run()
    assert run.status == "completed"
    steps = handler.get_final_run_steps()
    assert steps[0].step_details.tool_calls[0].code_interpreter.outputs[0].logs == "hi\n42"
    assert handler.get_final_messages()[0].content[0].text.value == "It is 42. 😀"


def test_parallel_calls_with_the_handler(sdk, assistant):
    handler = Handler()
    with sdk.beta.threads.create_and_run_stream(assistant_id=assistant.id, thread={
            "messages": [{"role": "user", "content": "and again"}]}, event_handler=handler) as stream:
        stream.until_done()
    steps = [s for s in handler.get_final_run_steps() if s.type == "tool_calls"]
    assert [s.step_details.tool_calls[0].code_interpreter.outputs[0].logs for s in steps] == ["6\n", "7\n"]
    assert handler.names[0] == "thread.created"


def test_functions_with_both_helpers(sdk, assistant):
    thread = asks(sdk, "the weather")
    run = sdk.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert run.status == "requires_action"
    call, = run.required_action.submit_tool_outputs.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Ulm"}')
    outputs = [{"tool_call_id": call.id, "output": "rain"}]
    ended = sdk.beta.threads.runs.submit_tool_outputs_and_poll(run_id=run.id, thread_id=thread.id, tool_outputs=outputs)
    assert ended.status == "completed"
    assert [m.content[0].text.value for m in sdk.beta.threads.messages.list(thread.id)][:2] == ["Rain.", "Let me ask."]

    thread, first, second = asks(sdk, "the weather"), Handler(), Handler()
    with sdk.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=first) as stream:
        stream.until_done()
    run = first.get_final_run()
    assert run.status == "requires_action" and "function created" in first.notes
    with sdk.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=thread.id, tool_outputs=outputs, event_handler=second) as stream:
        stream.until_done()
    assert second.text == "Rain." and second.get_final_run().status == "completed"


@pytest.mark.data_science
def test_figures_and_files(sdk, assistant):
    handler = Handler()
    thread = asks(sdk, "draw it")
    with sdk.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=handler) as stream:
        stream.until_done()
    message = next(m for m in sdk.beta.threads.messages.list(thread.id) if m.role == "assistant")
    image, text = message.content
    assert sdk.files.content(image.image_file.file_id).read()[:8] == b"\x89PNG\r\n\x1a\n"
    assert handler.images == [image.image_file.file_id]
    note, = text.text.annotations
    assert text.text.value[note.start_index:note.end_index] == note.text == "sandbox:/mnt/data/made.csv"
    assert sdk.files.content(note.file_path.file_id).read() == b"a,b"
    assert sdk.files.retrieve(note.file_path.file_id).purpose == "assistants_output"
    step = handler.get_final_run_steps()[0].step_details.tool_calls[0].code_interpreter
    assert [o.type for o in step.outputs] == ["image", "logs"] and step.outputs[0].image.file_id == handler.images[0]


def test_attachments(sdk, assistant):
    file = sdk.files.create(file=("in.csv", io.BytesIO(b"x,y\n1,2")), purpose="assistants")
    thread = asks(sdk, "look around", attachments=[{"file_id": file.id, "tools": [INTERPRETER]}])
    assert thread.tool_resources.code_interpreter.file_ids == [file.id]
    handler = Handler()
    with sdk.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=handler) as stream:
        assert [e.event for e in stream][-1] == "thread.run.completed"
    assert handler.logs == "x,y\n1,2\n"


def test_cancel_and_errors(sdk, assistant):
    thread = asks(sdk, "the weather")
    run = sdk.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        sdk.beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant.id)
    assert sdk.beta.threads.runs.cancel(run.id, thread_id=thread.id).status == "cancelling"
    assert sdk.beta.threads.runs.poll(run.id, thread_id=thread.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        sdk.beta.threads.runs.cancel(run.id, thread_id=thread.id)


def test_async(served):
    class AsyncHandler(AsyncAssistantEventHandler):
        text = ""

        async def on_text_delta(self, delta, snapshot):
            self.text += delta.value or ""

    async def main():
        async with openai.AsyncOpenAI(base_url=served, api_key="sk-1234", max_retries=0, _strict_response_validation=True,
                                      http_client=httpx.AsyncClient(trust_env=False, timeout=90)) as client:
            assistant = await client.beta.assistants.create(model="gpt-scripted", tools=[INTERPRETER])
            handler = AsyncHandler()
            async with client.beta.threads.create_and_run_stream(assistant_id=assistant.id, thread={
                    "messages": [{"role": "user", "content": "six times seven"}]}, event_handler=handler) as stream:
                await stream.until_done()
            assert handler.text == "It is 42. 😀" and (await handler.get_final_run()).status == "completed"

    asyncio.run(main())


def test_the_first_betas_files(served, build):
    """By the last client that knows them, which is openai-python 1.20 in an environment of its own."""
    interpreter = build / "openai-1.20-venv" / "bin" / "python"
    if not interpreter.exists():
        pytest.fail("build/openai-1.20-venv is missing: tools/test-venv openai-1.20-venv requirements-openai-1.20.txt")
    script = Path(__file__).resolve().parents[1] / "support" / "first_beta.py"
    ran = subprocess.run([interpreter, script, served], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"version": "1.20.0", "assistant": ["b.csv"], "message": ["c.csv"], "read": "x,y\n1,2\n"}

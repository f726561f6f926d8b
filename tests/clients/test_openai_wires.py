"""OpenAI's Python client, sync and async and validating strictly, with a model of each vendor's wire behind Cloche:
OpenAI's chat completions and Responses, and Anthropic's messages. And every object and event against the models of
that client by themselves, where a field that they require must not be missing."""
import asyncio
import json

import httpx
import openai
import pytest
from openai.types import responses as models
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.conversations import Conversation
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from support.api import events, lines
from support.provider import Call, Reasoning, Refusal, Turn, Usage, python
from support.wires import MODELS, WiresServer

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = ["code_interpreter_call.outputs"]
WEATHER = {"type": "function", "name": "weather", "strict": True, "description": "d", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}
FUNCTION = {"type": "function", "function": {k: v for k, v in WEATHER.items() if k != "type"}}

SCRIPTS = {
    "count": [Turn(Reasoning("Let me see."), python("print('hi')\n6*7", size=4), usage=Usage(100, 40, 10, written=7)),
              Turn("It is ", "42.", usage=Usage(200, 0, 20))],
    "save": [Turn(python("open('a.csv', 'w').write('x'); None")), Turn("😀 [a](sandbox:/mnt/data/a.csv)")],
    "fail": [Turn(python("1/0")), Turn("It failed.")],
    "ask": [Turn("Asking. ", Call("weather", '{"city":', ' "Ulm"}')), Turn("Rain.")],
    "refuse": [Turn(Refusal("I will ", "not."))],
    "cut": [Turn("Half an ans", finish="length")],
    "draw": [Turn(python("import matplotlib.pyplot as p\np.plot([1, 2])\np.show()")), Turn("A line.")],
}


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("strict"), SCRIPTS) as running:
        yield running


@pytest.fixture
def options(wires):
    return {"base_url": f"{wires.url}/v1", "api_key": "sk-1234", "max_retries": 0, "_strict_response_validation": True}


@pytest.fixture
def sdk(options):
    with openai.OpenAI(**options, http_client=httpx.Client(trust_env=False, timeout=60)) as client:
        yield client


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def of_type(response, kind):
    return [item for item in response.output if item.type == kind]


# ---- the same flow, sync and async ------------------------------------------------------------------------------


def counted(response):
    call, = of_type(response, "code_interpreter_call")
    assert call.outputs[0].logs == "hi\n42" and response.output_text == "It is 42." and response.status == "completed"
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (300, 30, 330)
    assert usage.input_tokens_details.cached_tokens == 40 and usage.input_tokens_details.cache_write_tokens == 7
    assert usage.output_tokens_details.reasoning_tokens == 0
    return call


def test_responses(sdk, model):
    asked = {"model": model, "input": "count", "tools": [INTERPRETER], "include": OUTPUTS}
    counted(sdk.responses.create(**asked))
    told = list(sdk.responses.create(**asked, stream=True))
    counted(told[-1].response)
    with sdk.responses.stream(**asked) as stream:
        assert [event.type for event in stream if event.type == "error"] == []
        final = stream.get_final_response()
    counted(final)
    assert sdk.responses.retrieve(told[-1].response.id, include=OUTPUTS) == told[-1].response
    assert list(sdk.responses.retrieve(told[-1].response.id, include=OUTPUTS, stream=True, starting_after=3)) == told[4:]
    second = sdk.responses.create(model=model, input="save", previous_response_id=final.id, tools=[INTERPRETER])
    cited, = of_type(second, "message")[0].content[0].annotations
    assert second.output_text[cited.start_index:cited.end_index] == "sandbox:/mnt/data/a.csv"
    assert cited.container_id == of_type(final, "code_interpreter_call")[0].container_id
    assert sdk.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id).read() == b"x"


def test_responses_async(options, model):
    asked = {"model": model, "input": "count", "tools": [INTERPRETER], "include": OUTPUTS}

    async def flow():
        async with openai.AsyncOpenAI(**options, http_client=httpx.AsyncClient(trust_env=False, timeout=60)) as client:
            counted(await client.responses.create(**asked))
            told = [event async for event in await client.responses.create(**asked, stream=True)]
            counted(told[-1].response)
            async with client.responses.stream(**asked) as stream:
                final = await stream.get_final_response()
            counted(final)
            again = await client.responses.retrieve(told[-1].response.id, include=OUTPUTS, stream=True, starting_after=3)
            assert [event async for event in again] == told[4:]
            several = await asyncio.gather(*(client.responses.create(**asked) for _ in range(4)))
            assert len({counted(one).container_id for one in several}) == 4
            second = await client.responses.create(model=model, input="save", previous_response_id=final.id, tools=[INTERPRETER])
            cited, = of_type(second, "message")[0].content[0].annotations
            content = await client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id)
            assert content.read() == b"x"

    asyncio.run(flow())


def test_conversations_and_files_async(options, model):
    async def flow():
        async with openai.AsyncOpenAI(**options, http_client=httpx.AsyncClient(trust_env=False, timeout=60)) as client:
            talk = await client.conversations.create(items=[{"role": "user", "content": "I am Bell."}])
            kept = await client.files.create(file=("kept.txt", b"kept"), purpose="user_data")
            box = await client.containers.create(name="async", file_ids=[kept.id])
            tool = {"type": "code_interpreter", "container": box.id}
            response = await client.responses.create(model=model, input="count", conversation=talk.id, tools=[tool])
            assert of_type(response, "code_interpreter_call")[0].container_id == box.id
            items = [item async for item in client.conversations.items.list(talk.id, order="asc", limit=2, include=OUTPUTS)]
            assert [item.type for item in items if item.type != "reasoning"] == [
                "message", "message", "code_interpreter_call", "message"]
            given = [item async for item in client.responses.input_items.list(response.id)]
            assert given[0].content[0].text == "count"
            assert [entry.path async for entry in client.containers.files.list(box.id)] == ["/mnt/data/kept.txt"]
            begun = await client.responses.create(model=model, input="count", background=True)
            while (ended := await client.responses.retrieve(begun.id)).status in ("queued", "in_progress"):
                await asyncio.sleep(0.01)
            assert ended.status == "completed"
            await client.containers.delete(box.id)
            await client.conversations.delete(talk.id)
            with pytest.raises(openai.NotFoundError):
                await client.containers.retrieve(box.id)

    asyncio.run(flow())


def checked(choice):
    assert choice.message.content == "It is 42." and choice.finish_reason == "stop"
    assert choice.message.model_extra["code_interpreter"]["calls"][0]["outputs"] == [{"type": "logs", "logs": "hi\n42"}]


def test_chat_completions(sdk, options, model):
    asked = {"model": model, "messages": [{"role": "user", "content": "count"}], "tools": [INTERPRETER]}
    whole = sdk.chat.completions.create(**asked)
    checked(whole.choices[0])
    assert whole.usage.prompt_tokens_details.cached_tokens == 40 and whole.usage.total_tokens == 330
    chunks = list(sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "It is 42."
    assert chunks[-1].usage == whole.usage

    async def flow():
        async with openai.AsyncOpenAI(**options, http_client=httpx.AsyncClient(trust_env=False, timeout=60)) as client:
            checked((await client.chat.completions.create(**asked)).choices[0])
            async with client.chat.completions.stream(**asked) as stream:
                checked((await stream.get_final_completion()).choices[0])

    asyncio.run(flow())


def test_functions_of_chat_completions(sdk, model):
    messages = [{"role": "user", "content": "ask"}]
    for tools in ([FUNCTION, INTERPRETER], [FUNCTION]):
        first = sdk.chat.completions.create(model=model, messages=messages, tools=tools).choices[0]
        assert first.finish_reason == "tool_calls"
        call, = first.message.tool_calls
        answer = sdk.chat.completions.create(model=model, tools=tools, messages=[
            *messages, first.message, {"role": "tool", "tool_call_id": call.id, "content": "wet"}]).choices[0]
        assert answer.message.content == "Rain."


# ---- against the client's models ----------------------------------------------------------------------------------

EVENT = TypeAdapter(ResponseStreamEvent)


@pytest.mark.parametrize("said", SCRIPTS)
def test_every_event_and_object_has_what_the_models_require(wires, model, said):
    body = {"model": model, "input": said, "tools": [INTERPRETER, WEATHER], "include": OUTPUTS}
    with wires.client() as client:
        whole = client.post("/v1/responses", json=body).json()
        models.Response.model_validate(whole)
        with client.stream("POST", "/v1/responses", json={**body, "stream": True}) as answer:
            told = [event for _, event in events(answer)]
        for event in told:
            found = EVENT.validate_python(event)
            assert found.type == event["type"]
        models.Response.model_validate(client.get(f"/v1/responses/{whole['id']}").json())
        given = client.get(f"/v1/responses/{whole['id']}/input_items").json()
        models.ResponseItemList.model_validate(given)


@pytest.mark.parametrize("said", ("count", "save", "fail", "ask", "refuse", "cut", "draw"))
def test_every_chunk_has_what_the_models_require(wires, model, said):
    body = {"model": model, "messages": [{"role": "user", "content": said}], "tools": [INTERPRETER, FUNCTION]}
    with wires.client() as client:
        ChatCompletion.model_validate(client.post("/v1/chat/completions", json=body).json())
        with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as answer:
            data = [line[6:] for line in lines(answer) if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    for chunk in data:
        ChatCompletionChunk.model_validate(json.loads(chunk))


def test_conversations_have_what_the_models_require(wires):
    with wires.client() as client:
        Conversation.model_validate(client.post("/v1/conversations", json={}).json())

"""The official OpenAI SDK, unchanged and validating strictly, against Responses and Conversations."""
import asyncio
import base64

import httpx
import openai
import pytest
from openai.types.responses import ResponseCodeInterpreterToolCall, ResponseOutputMessage
from pydantic import BaseModel
from support.provider import Call, Disconnect, Gate, Reasoning, Refusal, Refuse, Turn, python

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = ["code_interpreter_call.outputs"]
WEATHER = {"type": "function", "name": "weather", "strict": True, "description": "d", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}


@pytest.fixture
def served(provider, fresh_server):
    """served(script) -> base URL of a server whose model says what the script says."""
    def make(script, **options):
        return f"{fresh_server(env=provider(script, **options).environment('chat')).url}/v1"
    return make


@pytest.fixture
def sdk(served):
    made = []

    def make(script, **options):
        made.append(openai.OpenAI(base_url=served(script, **options), api_key="sk-1234", max_retries=0,
                                  _strict_response_validation=True, http_client=httpx.Client(trust_env=False, timeout=60)))
        return made[-1]

    yield make
    for client in made:
        client.close()


def create(client, **fields):
    return client.responses.create(model="gpt-scripted", **{"input": "go", **fields})


ROUNDS = [Turn(Reasoning("Let me see."), python("print('hi')\n6*7", size=4)), Turn("It is ", "42.")]


# ---- one response ------------------------------------------------------------------------------------------


def test_create(sdk):
    response = create(sdk(ROUNDS), tools=[INTERPRETER], include=OUTPUTS, metadata={"k": "v"}, instructions="Be brief.")
    reasoning, call, message = response.output
    assert isinstance(call, ResponseCodeInterpreterToolCall) and isinstance(message, ResponseOutputMessage)
    assert reasoning.summary[0].text == "Let me see."
    assert call.outputs[0].logs == "hi\n42" and call.status == "completed"
    assert response.output_text == "It is 42." and response.status == "completed"
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert response.tools[0].container.type == "auto" and response.metadata == {"k": "v"}
    assert response._request_id.startswith("req_")
    assert response.cloche["currency"] == "usd"


def test_iterate_a_stream(sdk):
    client = sdk(ROUNDS)
    with create(client, tools=[INTERPRETER], include=OUTPUTS, stream=True) as stream:
        told = list(stream)
    assert [event.sequence_number for event in told] == list(range(len(told)))
    final = told[-1].response
    assert told[-1].type == "response.completed" and final.output_text == "It is 42."
    assert client.responses.retrieve(final.id, include=OUTPUTS) == final
    with client.responses.retrieve(final.id, stream=True, starting_after=5, include=OUTPUTS) as again:
        assert list(again) == told[6:]


def test_the_stream_helper(sdk):
    client = sdk([Turn(python("1 + 1", size=3), python("2 + 2")), Turn("See [x](sandbox:/mnt/data/x.txt). 😀 ", "Done.")])
    with client.responses.stream(model="gpt-scripted", input="go", tools=[INTERPRETER], include=OUTPUTS) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text == "See [x](sandbox:/mnt/data/x.txt). 😀 Done."
    assert [item.type for item in final.output] == ["code_interpreter_call", "code_interpreter_call", "message"]
    assert [item.outputs[0].logs for item in final.output[:2]] == ["2", "4"]


def test_refusals_and_functions_stream(sdk):
    client = sdk([Turn(Refusal("I will ", "not.")), Turn(Call("weather", '{"city":', ' "Ulm"}')), Turn("Rain.")])
    with client.responses.stream(model="gpt-scripted", input="go") as stream:
        assert "".join(e.delta for e in stream if e.type == "response.refusal.delta") == "I will not."
        assert stream.get_final_response().output[0].content[0].refusal == "I will not."
    with client.responses.stream(model="gpt-scripted", input="go", tools=[WEATHER]) as stream:
        arguments = [e for e in stream if e.type == "response.function_call_arguments.done"]
        call = stream.get_final_response().output[0]
    assert arguments[0].arguments == call.arguments == '{"city": "Ulm"}' and call.name == "weather"
    answer = create(client, tools=[WEATHER], input=[{"role": "user", "content": "go"}, call.model_dump(exclude_none=True),
                                                    {"type": "function_call_output", "call_id": call.call_id, "output": "wet"}])
    assert answer.output_text == "Rain."


def test_structured_output(sdk):
    class Answer(BaseModel):
        number: int

    parsed = sdk([Turn('{"number": ', "42}")]).responses.parse(model="gpt-scripted", input="go", text_format=Answer)
    assert parsed.output_parsed == Answer(number=42)
    assert parsed.text.format.name == "Answer"


def test_asynchronous(served):
    async def run(url):
        async with openai.AsyncOpenAI(base_url=url, api_key="sk-1234", max_retries=0, _strict_response_validation=True,
                                      http_client=httpx.AsyncClient(trust_env=False, timeout=60)) as client:
            answers = await asyncio.gather(*(client.responses.create(
                model="gpt-scripted", input="go", tools=[INTERPRETER], include=OUTPUTS) for _ in range(5)))
            async with client.responses.stream(model="gpt-scripted", input="go", tools=[INTERPRETER]) as stream:
                types = [event.type async for event in stream]
                return answers, types, await stream.get_final_response()

    answers, types, final = asyncio.run(run(served(ROUNDS, order="rounds")))
    assert all(answer.output[1].outputs[0].logs == "hi\n42" for answer in answers)
    assert len({answer.output[1].container_id for answer in answers}) == 5
    assert types[0] == "response.created" and types[-1] == "response.completed"
    assert final.output_text == "It is 42."


# ---- what goes on from one to the next ------------------------------------------------------------------------


def test_previous_response_and_files(sdk):
    code = "open('a.csv', 'w').write('x')"
    client = sdk([Turn(python(code)), Turn("[a](sandbox:/mnt/data/a.csv)"), Turn(python("open('a.csv').read()")), Turn("x")])
    first = create(client, tools=[INTERPRETER])
    cited, = first.output[-1].content[0].annotations
    assert cited.type == "container_file_citation" and cited.filename == "a.csv"
    assert first.output_text[cited.start_index:cited.end_index] == "sandbox:/mnt/data/a.csv"
    content = client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id)
    assert content.read() == b"x"
    second = create(client, previous_response_id=first.id, tools=[INTERPRETER], include=OUTPUTS)
    assert second.output[0].outputs[0].logs == "'x'" and second.previous_response_id == first.id


def test_input_files(sdk):
    client = sdk([Turn(python("sorted(__import__('os').listdir('.'))")), Turn("ok")])
    kept = client.files.create(file=("kept.csv", b"1"), purpose="user_data")
    response = create(client, tools=[{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [kept.id]}}],
                      include=OUTPUTS, input=[{"role": "user", "content": [
                          {"type": "input_text", "text": "look"},
                          {"type": "input_file", "filename": "sent.csv", "file_data": base64.b64encode(b"2").decode()}]}])
    assert response.output[0].outputs[0].logs == "['kept.csv', 'sent.csv']"
    assert response.tools[0].container.file_ids == [kept.id]


def test_input_items_and_tokens(sdk):
    client = sdk([Turn("x")])
    response = create(client, input=[{"role": "user", "content": f"{n}"} for n in range(5)])
    found = list(client.responses.input_items.list(response.id, limit=2, order="asc"))
    assert [item.content[0].text for item in found] == ["0", "1", "2", "3", "4"]
    assert client.responses.input_tokens.count(model="gpt-scripted", input="hello").input_tokens > 0


def test_conversations(sdk):
    client = sdk(ROUNDS + [Turn("Again.")])
    conversation = client.conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "I am Bell."}])
    response = create(client, conversation=conversation.id, tools=[INTERPRETER])
    assert response.conversation.id == conversation.id
    found = list(client.conversations.items.list(conversation.id, order="asc", limit=2, include=OUTPUTS))
    assert [item.type for item in found] == ["message", "message", "reasoning", "code_interpreter_call", "message"]
    assert found[3].outputs[0].logs == "hi\n42"
    added = client.conversations.items.create(conversation.id, items=[{"role": "user", "content": "more"}])
    assert client.conversations.items.retrieve(added.data[0].id, conversation_id=conversation.id).content[0].text == "more"
    assert client.conversations.items.delete(added.data[0].id, conversation_id=conversation.id).id == conversation.id
    assert client.conversations.update(conversation.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert create(client, conversation=conversation.id).output_text == "Again."
    assert client.conversations.delete(conversation.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(conversation.id)


def test_background(sdk):
    gate = Gate()
    client = sdk([Turn("a", gate, "b"), Turn("c", Gate(), "d")])
    with create(client, background=True, stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break
            if event.type == "response.created":
                response = event.response
    gate.open()
    with client.responses.retrieve(response.id, stream=True, starting_after=event.sequence_number) as rest:
        *_, last = rest
    assert last.type == "response.completed" and last.response.output_text == "ab"
    other = create(client, background=True)
    assert other.status in ("queued", "in_progress")
    assert client.responses.cancel(other.id).status == "cancelled"
    assert client.responses.delete(other.id) is None
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(other.id)


# ---- what goes wrong --------------------------------------------------------------------------------------------


def test_errors_become_the_sdks(sdk):
    client = sdk([Refuse("authentication"), Refuse("context_length"), Turn("Half", Disconnect()), Refuse("invalid")])
    with pytest.raises(openai.InternalServerError) as caught:
        create(client)
    assert caught.value.code == "provider_authentication" and caught.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.BadRequestError) as caught:
        create(client)
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.APIError), create(client, stream=True) as stream:
        assert [e.delta for e in stream if e.type == "response.output_text.delta"] == ["Half"]
    with pytest.raises(openai.APIError) as caught, create(client, stream=True) as stream:
        list(stream)
    assert caught.value.code == "provider_refused"
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, tools=[{"type": "web_search"}])
    assert caught.value.code == "unsupported_tool" and caught.value.param == "tools[0].type"
    with pytest.raises(openai.NotFoundError):
        create(client, conversation="conv_none")
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, previous_response_id="resp_none")
    assert caught.value.code == "previous_response_not_found"


def test_models(sdk):
    client = sdk([])
    names = [model.id for model in client.models.list()]
    assert "offline" in names
    assert client.models.retrieve(names[0]).id == names[0]
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("org/mo:del x")
    assert caught.value.code == "model_not_found"

"""OpenAI's Python client, validating strictly, asks Cloche for chat completions."""
import asyncio

import httpx
import openai
import pytest

from support.provider import Call, Refuse, Turn, python

ASK = [{"role": "user", "content": "6 * 7?"}]
INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
SCRIPT = [Turn("Let me see.", python("6 * 7", size=4)), Turn("It is ", "42.")]


@pytest.fixture
def served(provider, fresh_server):
    def make(script):
        return fresh_server(env=provider(script).environment("chat")).url
    return make


@pytest.fixture
def sdk(served):
    made = []

    def make(script, **options):
        made.append(httpx.Client(trust_env=False, timeout=60))
        return openai.OpenAI(base_url=f"{served(script)}/v1", api_key="sk-1234", http_client=made[-1], max_retries=0,
                             _strict_response_validation=True, **options)
    yield make
    for transport in made:
        transport.close()


def checked(completion):
    message = completion.choices[0].message
    assert message.content == "Let me see.\n\nIt is 42." and completion.choices[0].finish_reason == "stop"
    ran = message.model_extra["code_interpreter"]
    assert ran["calls"][0]["outputs"] == [{"type": "logs", "logs": "42"}] and ran["container_id"].startswith("cntr_")


def test_create_and_stream(sdk):
    client = sdk(SCRIPT + SCRIPT)
    completion = client.chat.completions.create(model="gpt-scripted", messages=ASK, tools=[INTERPRETER])
    checked(completion)
    assert completion.usage.total_tokens == 30
    chunks = list(client.chat.completions.create(model="gpt-scripted", messages=ASK, tools=[INTERPRETER], stream=True,
                                                 stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Let me see.\n\nIt is 42."
    assert chunks[-1].usage == completion.usage


def test_stream_helper_and_functions(sdk):
    client = sdk([Turn("Now.", Call("weather", "{}")), Turn("Rain.")])
    tools = [WEATHER]
    with client.chat.completions.stream(model="gpt-scripted", messages=ASK, tools=tools,
                                        extra_body={"max_tool_calls": 3}) as stream:
        stream.until_done()
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content == "Now."
    call, = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", "{}")
    said = {"role": "assistant", "content": "Now.", "tool_calls": [
        {"id": call.id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}
    again = client.chat.completions.create(
        model="gpt-scripted", tools=tools, extra_body={"max_tool_calls": 3},
        messages=[*ASK, said, {"role": "tool", "tool_call_id": call.id, "content": "Rain."}])
    assert again.choices[0].message.content == "Rain."


def test_async(served):
    async def main():
        async with httpx.AsyncClient(trust_env=False, timeout=60) as transport:
            client = openai.AsyncOpenAI(base_url=f"{served(SCRIPT)}/v1", api_key="sk-1234", http_client=transport,
                                        max_retries=0, _strict_response_validation=True)
            checked(await client.chat.completions.create(model="gpt-scripted", messages=ASK, tools=[INTERPRETER]))
    asyncio.run(main())


def test_errors_have_their_classes(sdk):
    client = sdk([Refuse("rate_limit", retry_after=0), Refuse("context_length")])
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="gpt-scripted", messages=ASK)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="gpt-scripted", messages=ASK)
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="gpt-scripted", messages=ASK, tools=[INTERPRETER], n=2)
    assert refused.value.param == "n"

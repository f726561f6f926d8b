"""The scripted provider itself, seen by the vendor's own client: what other tests lean on has to be sound."""
import httpx
import openai
import pytest

from support.provider import Call, Disconnect, Fail, Forever, Gate, Reasoning, Refuse, Turn, python

ASK = [{"role": "user", "content": "6 * 7?"}]
TOOL = {"name": "python", "description": "Runs Python.", "parameters": {"type": "object", "properties": {}}}


@pytest.fixture
def sdk():
    made = []

    def make(scripted, **options):
        transport = httpx.Client(trust_env=False, timeout=20)
        made.append(transport)
        return openai.OpenAI(**{"base_url": scripted.base_url("chat"), "api_key": scripted.key, "max_retries": 0,
                                "http_client": transport, "_strict_response_validation": True, **options})

    yield make
    for transport in made:
        transport.close()


@pytest.mark.parametrize("split", [0, 1, 7])
def test_streamed_and_not_are_the_same(provider, sdk, split):
    turn = Turn(Reasoning("I ", "think"), "Voilà ", "🌱", python("print('é')", size=3), Call("other", "{}"), split=split)
    client = sdk(provider([turn, turn]))
    with client.chat.completions.stream(model="m", messages=ASK, tools=[{"type": "function", "function": TOOL}]) as stream:
        stream.until_done()
        streamed = stream.get_final_completion().choices[0]
    whole = client.chat.completions.create(model="m", messages=ASK).choices[0]
    assert streamed.message.content == whole.message.content == "Voilà 🌱"
    assert streamed.finish_reason == whole.finish_reason == "tool_calls"
    for one, other in zip(streamed.message.tool_calls, whole.message.tool_calls, strict=True):
        assert one.function.name == other.function.name
        assert one.function.arguments == other.function.arguments


@pytest.mark.parametrize("split", [0, 1, 7])
def test_responses_streamed_and_not_are_the_same(provider, sdk, split):
    turn = Turn(Reasoning("I ", "think"), "Voilà ", "🌱", python("print('é')", size=3), split=split)
    client = sdk(provider([turn, turn]))
    with client.responses.stream(model="m", input="6 * 7?") as stream:
        streamed = stream.get_final_response()
    whole = client.responses.create(model="m", input="6 * 7?")
    assert streamed.output_text == whole.output_text == "Voilà 🌱"
    assert [i.type for i in streamed.output] == [i.type for i in whole.output] == ["reasoning", "message", "function_call"]
    assert streamed.usage == whole.usage


def test_faults(provider, sdk):
    scripted = provider([Refuse("rate_limit", retry_after=0), Refuse("overloaded"), Turn("a", Fail("overloaded")),
                         Turn("a", Disconnect(), "b"), Refuse("context_length"), Turn("fine")])
    client = sdk(scripted)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="m", messages=ASK)
    assert refused.value.response.headers["retry-after"] == "0"
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="m", messages=ASK)
    with pytest.raises(openai.APIError, match="overloaded"):
        list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    with pytest.raises((httpx.RemoteProtocolError, openai.APIError)):
        list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="m", messages=ASK)
    assert refused.value.code == "context_length_exceeded"
    assert client.chat.completions.create(model="m", messages=ASK).choices[0].message.content == "fine"
    with pytest.raises(openai.AuthenticationError):
        sdk(scripted, api_key="sk-wrong").chat.completions.create(model="m", messages=ASK)


def test_gates_and_clients_that_leave(provider, sdk):
    gate = Gate()
    scripted = provider([Forever(Turn("before", gate, "after"))])
    client = sdk(scripted)
    stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
    assert gate.reached.wait(60)
    stream.close()
    request = scripted.wait_requests(1)[0]
    assert request.ended.wait(60) and request.left
    gate.open()
    assert client.chat.completions.create(model="m", messages=ASK).choices[0].message.content == "beforeafter"


def test_what_a_vendor_refuses_is_a_violation(provider, sdk):
    scripted = provider([Turn("fine")])
    with pytest.raises(openai.BadRequestError, match="did not have response messages: call_1"):
        sdk(scripted).chat.completions.create(model="m", messages=ASK + [
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "python", "arguments": "{}"}}]}])
    answer = httpx.post(f"{scripted.url}/v1/messages", headers={"x-api-key": scripted.key,
                        "anthropic-version": "2023-06-01"}, json={"model": "m", "max_tokens": 9, "messages": ASK + ASK})
    assert answer.status_code == 400 and "alternate" in answer.json()["error"]["message"]
    assert len(scripted.violations) == 2
    scripted.violations.clear()
    sdk(scripted).chat.completions.create(model="m", messages=ASK)
    with pytest.raises(openai.BadRequestError, match="the script has 1 elements"):
        sdk(scripted).chat.completions.create(model="m", messages=ASK)
    scripted.violations.clear()


def test_rounds_answer_many_conversations(provider, sdk):
    scripted = provider([Turn(python("1")), Turn("done")], order="rounds")
    client = sdk(scripted)
    for _ in range(3):
        call = client.chat.completions.create(model="m", messages=ASK).choices[0].message.tool_calls[0]
        said = ASK + [{"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
                      {"role": "tool", "tool_call_id": call.id, "content": "1"}]
        assert client.chat.completions.create(model="m", messages=said).choices[0].message.content == "done"
    assert scripted.requests[-1].seen.results()[0]["text"] == "1"


def test_models(provider, sdk):
    assert [m.id for m in sdk(provider([], models=["a", "b"])).models.list()] == ["a", "b"]

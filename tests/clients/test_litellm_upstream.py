"""A real gateway upstream of each adapter: Cloche asks a LiteLLM proxy in all three wires, which asks a scripted
provider in another. What a fixture of our own would read kindly, LiteLLM reads and writes in its own way."""
import json

import httpx
import openai
import pytest

from support.provider import Call, Reasoning, Turn, Usage, python
from support.server import Server

WIRES = ("chat", "responses", "anthropic")
INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}


def providers(proxy):
    """A provider for each wire, all leading to the proxy."""
    made = {f"proxy-{wire}": {"wire": wire, "base_url": proxy.url + ("" if wire == "anthropic" else "/v1"),
                              "api_key_env": "PROXY_KEY", "retries": 0} for wire in WIRES}
    able = {"tools": True, "images": True}
    return {"providers": made, "models": {"proxy-responses/*": {**able, "reasoning": True}, "proxy-chat/*": able,
                                          "proxy-anthropic/*": able}}


@pytest.fixture(scope="module")
def gateway(cloche, environments, litellm_proxy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    config = folder / "config.json"
    config.write_text(json.dumps(providers(litellm_proxy)))
    with Server(cloche, folder / "state", environments, "--config", str(config), "--find-local", "off",
                env={"PROXY_KEY": litellm_proxy.key}) as running:
        yield running


@pytest.fixture
def sdk(gateway):
    with httpx.Client(trust_env=False, timeout=60) as transport:
        yield openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-1234", http_client=transport, max_retries=0)


def ways():
    """Between OpenAI's two wires LiteLLM does not translate: it goes on in the one that it is asked in."""
    return [pytest.param(wire, backend, id=f"{wire}-on-{backend}") for wire in WIRES for backend in WIRES
            if {wire, backend} != {"chat", "responses"}]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("wire, backend", ways())
def test_code_is_run_and_its_output_comes_back(sdk, litellm, wire, backend, stream):
    said = litellm.play([Turn("I'll compute — ", "voilà. ", python("print('π', 6 * 7)", size=5), usage=Usage(31, 11, 7)),
                         Turn("It is ", "42. 🌱", usage=Usage(50, 0, 9))])
    asked = {"model": f"proxy-{wire}/{wire}-on-{backend}", "input": "What is 6 * 7?", "tools": [INTERPRETER],
             "include": ["code_interpreter_call.outputs"]}
    if stream:
        with sdk.responses.stream(**asked) as events:
            response = events.get_final_response()
    else:
        response = sdk.responses.create(**asked)
    call = next(item for item in response.output if item.type == "code_interpreter_call")
    assert call.code == "print('π', 6 * 7)" and call.outputs[0].logs == "π 42\n"
    assert response.output_text.endswith("It is 42. 🌱")
    assert response.usage.input_tokens == 81 and response.usage.output_tokens == 16
    second = said.requests[1]
    assert second.wire == backend and "π 42" in second.seen.results()[0]["text"]
    assert second.seen.system and second.seen.tools == ["python"]


@pytest.mark.parametrize("wire", WIRES)
def test_parallel_calls_and_client_functions(sdk, litellm, wire):
    """Two calls in one turn: one is ours, the other the client's; its answer goes on from there."""
    backend = "anthropic" if wire != "anthropic" else "responses"
    said = litellm.play([Turn(python("print(1)"), Call("lookup", '{"name":"é🌱"}')), Turn("Both done.")])
    lookup = {"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {
        "name": {"type": "string"}}}, "strict": False}
    asked = {"model": f"proxy-{wire}/{wire}-on-{backend}", "tools": [INTERPRETER, lookup]}
    first = sdk.responses.create(input="Go.", **asked)
    call = next(item for item in first.output if item.type == "function_call")
    assert json.loads(call.arguments) == {"name": "é🌱"}
    second = sdk.responses.create(previous_response_id=first.id, input=[
        {"type": "function_call_output", "call_id": call.call_id, "output": "found"}], **asked)
    assert second.output_text == "Both done."
    results = said.requests[-1].seen.results()
    assert [result["text"] for result in results if "found" in result["text"]] == ["found"]
    assert len(results) == 2


@pytest.mark.parametrize("wire, backend", [("anthropic", "anthropic"), ("responses", "responses"), ("chat", "anthropic")])
def test_figures_reach_a_model_that_sees(sdk, litellm, wire, backend, has_data_science):
    if not has_data_science:
        pytest.fail("the environment data-science is not built")
    said = litellm.play([Turn(python("import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()")), Turn("A line.")])
    response = sdk.responses.create(model=f"proxy-{wire}/{wire}-on-{backend}", input="Plot.", tools=[INTERPRETER])
    assert response.output_text == "A line."
    items = said.requests[1].seen.items
    assert sum(len(item.get("images", [])) for item in items) == 1


@pytest.mark.parametrize("wire", ["anthropic", "responses"])
def test_reasoning_travels_with_its_calls(sdk, litellm, wire):
    """The scripted vendor refuses results whose thinking was left out or changed."""
    said = litellm.play([Turn(Reasoning("Let me ", "think."), python("print(1)")), Turn("One.")])
    response = sdk.responses.create(model=f"proxy-{wire}/{wire}-on-{wire}", input="Go.", tools=[INTERPRETER])
    assert response.output_text == "One."
    assert len(said.requests) == 2


@pytest.mark.parametrize("wire", WIRES)
def test_litellms_own_mock(sdk, litellm, wire):
    """LiteLLM's own mock_response; over Responses it cannot stream that, and says so."""
    if wire == "responses":
        with pytest.raises(openai.APIStatusError) as refused:
            sdk.responses.create(model="proxy-responses/mock", input="Hi")
        assert refused.value.code == "provider_failed"
    else:
        response = sdk.responses.create(model=f"proxy-{wire}/mock", input="Hi")
        assert response.output_text.startswith("Bonjour 🌱 from a mock.")
        assert response.usage.output_tokens > 0


@pytest.mark.parametrize("model, code", [
    ("proxy-chat/mock-429", "provider_rate_limited"), ("proxy-anthropic/mock-429", "provider_rate_limited"),
    ("proxy-chat/mock-500", "provider_failed"), ("proxy-anthropic/mock-500", "provider_failed"),
    ("proxy-responses/mock-500", "provider_failed"), ("proxy-chat/mock-context", "context_length_exceeded"),
    ("proxy-anthropic/mock-context", "context_length_exceeded"), ("proxy-chat/nope", "provider_refused"),
    ("proxy-responses/nope", "provider_refused"), ("proxy-anthropic/nope", "provider_refused")])
def test_errors_are_told_apart(sdk, litellm, model, code):
    with pytest.raises(openai.APIStatusError) as refused:
        sdk.responses.create(model=model, input="Hi")
    assert refused.value.code == code


def test_models_are_listed(sdk, litellm):
    listed = {model.id for model in sdk.models.list()}
    assert {"chat-on-chat", "proxy-responses/responses-on-chat", "proxy-anthropic/anthropic-on-chat"} <= listed

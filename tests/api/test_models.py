"""GET /v1/models and POST /v1/estimate, and where old names lead."""
import json

from support.api import error_of
from support.assistants import INTERPRETER, Assistants
from support.provider import Turn


def test_models(client):
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list" and set(listed) == {"object", "data"}
    offline = next(model for model in listed["data"] if model["id"] == "offline")
    assert set(offline) >= {"id", "object", "created", "owned_by"} and offline["object"] == "model"
    assert client.get("/v1/models/offline").json() == offline == client.get("/models/offline").json()
    answer = client.get("/v1/models/org%2Fmo:del%20x")
    assert answer.status_code == 404 and error_of(answer)["code"] == "model_not_found"
    assert error_of(answer)["message"] == "The model 'org/mo:del x' does not exist"


def test_estimate(client):
    small = client.post("/v1/estimate", json={"model": "offline", "input": "hello there"}).json()
    assert small["object"] == "estimate" and small["model"] == "offline" and small["estimated_tokens"] > 0
    assert small["currency"] == "usd" and small["recommendation"] == "proceed" and small["estimated_cost"] == 0
    kept = client.post("/v1/files", files={"file": ("d.csv", b"a,b,c\n" * 200_000)}, data={"purpose": "user_data"}).json()
    large = client.post("/v1/estimate", json={"model": "offline", "input": "look", "file_ids": [kept["id"]]}).json()
    assert large["estimated_tokens"] > 200_000 and large["recommendation"] == "use a sample"
    client.delete(f"/v1/files/{kept['id']}")


def test_estimates_that_cannot_be(client):
    answer = client.post("/v1/estimate", json={"model": "offline", "file_ids": ["file-none"]})
    assert answer.status_code == 404 and error_of(answer)["param"] == "file_ids[0]"
    answer = client.post("/v1/estimate", json={"modle": "offline"})
    assert error_of(answer)["code"] == "unknown_parameter" and "model" in error_of(answer)["message"]


def test_old_names_lead_where_the_config_says(provider, fresh_server, tmp_path):
    scripted = provider(lambda request: Turn(f"I am {request.body['model']}."), models=["gpt-new", "gpt-small"])
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"models": {
        "gpt-4-1106-preview": {"model": "gpt-new"}, "gpt-3.5-turbo*": {"provider": "openai", "model": "gpt-small"}}}))
    server = fresh_server("--config", str(config), env=scripted.environment("chat"))
    leads = {"gpt-4-1106-preview": "I am gpt-new.", "gpt-3.5-turbo-16k": "I am gpt-small.", "gpt-new": "I am gpt-new."}
    with server.client(headers={"OpenAI-Beta": "assistants=v2"}) as http:
        listed = [model["id"] for model in http.get("/v1/models").json()["data"]]
        assert "gpt-4-1106-preview" in listed and "gpt-new" in listed and "gpt-3.5-turbo*" not in listed
        client = Assistants(http, scripted, {}, None)
        for name, answer in leads.items():
            said = client.post("/chat/completions", model=name, messages=[{"role": "user", "content": "Who?"}])
            assert said["choices"][0]["message"]["content"] == answer
            said = client.post("/responses", model=name, input="Who?")
            assert said["output"][0]["content"][0]["text"] == answer and said["model"] == name
            thread = client.thread("Who?")
            run = client.done(thread, client.assistant(model=name, tools=[INTERPRETER]))
            assert client.messages(thread)[1]["content"][0]["text"]["value"] == answer
            assert run["model"] == name and not run["cloche"].get("notices")  # the one who keeps the server chose it

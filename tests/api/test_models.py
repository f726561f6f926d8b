"""GET /v1/models and POST /v1/estimate."""
from support.api import error_of


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

"""Conversations: their items, and responses that take place in them."""
import base64

import pytest
from support import machine
from support.api import error_of
from support.provider import Call, Gate, Refuse, Turn, python

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = "code_interpreter_call.outputs"


@pytest.fixture
def model(provider, fresh_server):
    made = []

    def make(script, **options):
        scripted = provider(script, **options)
        client = fresh_server(env=scripted.environment("chat")).client()
        made.append(client)
        return client, scripted

    yield make
    for client in made:
        client.close()


def create(client, **fields):
    answer = client.post("/v1/conversations", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(client, conversation, text="go", **fields):
    answer = client.post("/v1/responses", json={"model": "gpt-scripted", "input": text, "conversation": conversation, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(client, conversation, **query):
    answer = client.get(f"/v1/conversations/{conversation}/items", params={"order": "asc", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def texts(found):
    return [part.get("text") or part.get("refusal") for item in found if item["type"] == "message" for part in item["content"]]


# ---- the object ------------------------------------------------------------------------------------------


def test_create_get_update_delete(client):
    made = create(client, metadata={"topic": "bells"})
    assert made == {"id": made["id"], "object": "conversation", "created_at": made["created_at"], "metadata": {"topic": "bells"}}
    assert made["id"].startswith("conv_")
    path = f"/v1/conversations/{made['id']}"
    assert client.get(path).json() == made
    changed = client.post(path, json={"metadata": {"topic": "glass"}})
    assert changed.json() == {**made, "metadata": {"topic": "glass"}} == client.get(path).json()
    assert error_of(client.post(path, json={}))["message"] == "Missing required parameter: 'metadata'."
    assert client.delete(path).json() == {"id": made["id"], "object": "conversation.deleted", "deleted": True}
    for answer in (client.get(path), client.delete(path), client.get(f"{path}/items"), client.post(path, json={"metadata": {}})):
        assert answer.status_code == 404
        assert error_of(answer)["message"] == f"Conversation with id '{made['id']}' not found."


def test_an_empty_body_makes_one(client):
    answer = client.post("/v1/conversations")
    assert answer.status_code == 200 and answer.json()["metadata"] == {}
    assert client.post("/conversations").status_code == 200


# ---- items -----------------------------------------------------------------------------------------------------


def test_items(client):
    made = create(client, items=[{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}])
    path = f"/v1/conversations/{made['id']}/items"
    added = client.post(path, json={"items": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "three"}]}]})
    assert added.status_code == 200 and added.json()["object"] == "list" and added.json()["has_more"] is False
    assert added.json()["first_id"] == added.json()["last_id"] == added.json()["data"][0]["id"]
    found = items(client, made["id"])
    assert texts(found) == ["one", "two", "three"]
    assert found[0] == {"id": found[0]["id"], "type": "message", "status": "completed", "role": "user",
                        "content": [{"type": "input_text", "text": "one"}]}
    assert [item["id"] for item in client.get(path).json()["data"]] == [item["id"] for item in found][::-1]
    first = client.get(path, params={"limit": 2, "order": "asc"}).json()
    assert first["has_more"] is True and first["last_id"] == found[1]["id"]
    assert items(client, made["id"], after=first["last_id"]) == found[2:]
    assert client.get(f"{path}/{found[1]['id']}").json() == found[1]
    assert client.delete(f"{path}/{found[1]['id']}").json() == made
    assert client.get(f"{path}/{found[1]['id']}").status_code == 404
    assert client.delete(f"{path}/{found[1]['id']}").status_code == 404
    assert texts(items(client, made["id"])) == ["one", "three"]


@pytest.mark.parametrize("body, param, message", [
    ({}, "items", "Missing required parameter: 'items'."),
    ({"items": [None]}, "items[0]", "Invalid type for 'items[0]': expected an input item, but got null instead."),
    ({"items": [{"role": "user", "content": "x"}] * 21}, "items", "Invalid 'items': array too long."),
    ({"items": [{"role": "user", "content": [{"type": "input_file", "filename": "a", "file_data": "YQ=="}]}]},
     "items[0].content[0].file_data", "Unsupported parameter: 'items[0].content[0].file_data' is not kept here."),
    ({"items": [{"type": "item_reference", "id": "msg_1"}]}, "input", "Item with id 'msg_1' not found."),
])
def test_items_that_cannot_be(client, body, param, message):
    made = create(client)
    answer = client.post(f"/v1/conversations/{made['id']}/items", json=body)
    assert answer.status_code in (400, 404)
    assert error_of(answer)["param"] == param and error_of(answer)["message"].startswith(message)
    assert items(client, made["id"]) == []


def test_a_conversation_with_a_bad_item_is_not_made(client):
    answer = client.post("/v1/conversations", json={"items": [{"type": "item_reference", "id": "msg_1"}]})
    assert answer.status_code == 404


# ---- responses in a conversation ------------------------------------------------------------------------------------


def test_a_response_reads_and_adds(model):
    client, scripted = model([Turn(python("x = 5\nprint('made')")), Turn("First."), Turn(python("x + 1")), Turn("Second.")])
    made = create(client, items=[{"role": "user", "content": "My name is Bell."}])
    first = ask(client, made["id"], "one", tools=[INTERPRETER])
    assert first["conversation"] == {"id": made["id"]}
    found = items(client, made["id"])
    assert [item["type"] for item in found] == ["message", "message", "code_interpreter_call", "message"]
    assert texts(found) == ["My name is Bell.", "one", "First."]
    assert [item["id"] for item in found[2:]] == [item["id"] for item in first["output"]]
    assert found[2]["outputs"] is None
    assert items(client, made["id"], **{"include[]": OUTPUTS})[2]["outputs"] == [{"type": "logs", "logs": "made\n"}]
    second = ask(client, {"id": made["id"]}, "two", tools=[INTERPRETER], include=[OUTPUTS])
    assert second["output"][0]["outputs"] == [{"type": "logs", "logs": "6"}]
    assert second["output"][0]["container_id"] == first["output"][0]["container_id"]
    said = [m["role"] for m in scripted.requests[2].body["messages"] if m["role"] != "system"]
    assert said == ["user", "assistant", "tool", "assistant", "user"]
    assert "made" in str(scripted.requests[2].body["messages"])
    assert texts(items(client, made["id"])) == ["My name is Bell.", "one", "First.", "two", "Second."]


def test_functions_wait_in_a_conversation(model):
    client, scripted = model([Turn("Let me ask.", Call("weather", "{}")), Turn("Rain.")])
    made = create(client)
    tool = {"type": "function", "name": "weather", "strict": False, "parameters": {"type": "object", "properties": {}}}
    first = ask(client, made["id"], tools=[tool])
    call = first["output"][1]
    assert [item["type"] for item in items(client, made["id"])] == ["message", "message", "function_call"]
    ask(client, made["id"], [{"type": "function_call_output", "call_id": call["call_id"], "output": "wet"}], tools=[tool])
    assert [item["type"] for item in items(client, made["id"])] == [
        "message", "message", "function_call", "function_call_output", "message"]
    assert scripted.requests[1].seen.results()[0]["text"] == "wet"


def test_background_runs_add_although_nobody_listens(model):
    gate = Gate()
    client, _ = model([Turn("a", gate, "b")])
    made = create(client)
    response = ask(client, made["id"], background=True)
    assert gate.reached.wait(60)
    assert items(client, made["id"]) == []
    gate.open()
    machine.wait_until(lambda: client.get(f"/v1/responses/{response['id']}").json()["status"] == "completed", 10)
    assert texts(items(client, made["id"])) == ["go", "ab"]


def test_what_failed_is_not_added(model):
    client, _ = model([Refuse("invalid")])
    made = create(client)
    answer = client.post("/v1/responses", json={"model": "gpt-scripted", "input": "go", "conversation": made["id"]})
    assert answer.status_code == 400
    assert items(client, made["id"]) == []


def test_a_file_of_a_conversation_is_in_its_container(model):
    client, _ = model([Turn(python("print(open('d.csv').read())")), Turn("ok")])
    kept = client.post("/v1/files", files={"file": ("d.csv", b"a,b")}, data={"purpose": "user_data"}).json()
    made = create(client, items=[{"role": "user", "content": [{"type": "input_file", "file_id": kept["id"]}]}])
    response = ask(client, made["id"], tools=[INTERPRETER], include=[OUTPUTS])
    assert response["output"][0]["outputs"] == [{"type": "logs", "logs": "a,b\n"}]


def test_an_item_of_a_conversation_by_reference(model):
    client, scripted = model([Turn("ok")])
    made = create(client, items=[{"role": "user", "content": "secret word: clapper"}])
    reference = {"type": "item_reference", "id": items(client, made["id"])[0]["id"]}
    ask(client, made["id"], [reference])
    assert str(scripted.requests[0].body).count("clapper") == 2

"""/v1/assistants, /v1/threads and their messages: what is kept, shown, paged, refused."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.api import error_of

V1 = {"OpenAI-Beta": "assistants=v1"}
V2 = {"OpenAI-Beta": "assistants=v2"}
PNG_BEGIN = b"\x89PNG\r\n\x1a\n"


def post(client, path, body=None, status=200, headers=V2, **fields):
    answer = client.post(path, json=body if body is not None else fields, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def get(client, path, status=200, headers=V2, **query):
    answer = client.get(path, params=query, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def delete(client, path, status=200):
    answer = client.delete(path, headers=V2)
    assert answer.status_code == status, answer.text
    return answer.json()


def upload(client, name="data.csv", content=b"a,b\n1,2\n"):
    answer = client.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


# ---- assistants -------------------------------------------------------------------------------------


def test_an_assistant_from_its_making_to_its_end(client):
    file_id = upload(client)
    function = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
    made = post(client, "/v1/assistants", model="gpt-4o", name="Analyst", description="D", instructions="I",
                tools=[{"type": "code_interpreter"}, function], metadata={"k": "v"}, temperature=0.5,
                tool_resources={"code_interpreter": {"file_ids": [file_id]}}, reasoning_effort="low",
                response_format={"type": "json_object"}, something_new=1)
    assert made["id"].startswith("asst_") and made["object"] == "assistant" and made["created_at"] > 0
    assert made["tools"] == [{"type": "code_interpreter"}, function]
    assert made["tool_resources"] == {"code_interpreter": {"file_ids": [file_id]}}
    assert (made["temperature"], made["top_p"], made["response_format"]) == (0.5, 1.0, {"type": "json_object"})
    assert "file_ids" not in made
    path = f"/v1/assistants/{made['id']}"
    assert get(client, path) == made
    changed = post(client, path, name="Other", metadata={}, instructions=None)
    assert changed == {**made, "name": "Other", "metadata": {}, "instructions": None}
    assert get(client, path) == changed
    assert delete(client, path) == {"id": made["id"], "object": "assistant.deleted", "deleted": True}
    assert error_of(client.get(path))["message"] == f"No assistant found with id '{made['id']}'."
    delete(client, path, status=404)


def test_an_assistant_needs_little_and_shows_all(client):
    made = post(client, "/v1/assistants", model="gpt-4-1106-preview")
    assert {**made, "id": "", "created_at": 0} == {
        "id": "", "object": "assistant", "created_at": 0, "name": None, "description": None,
        "model": "gpt-4-1106-preview", "instructions": None, "tools": [], "tool_resources": {}, "metadata": {},
        "temperature": 1.0, "top_p": 1.0, "response_format": "auto"}
    with_tool = post(client, "/v1/assistants", model="m", tools=[{"type": "code_interpreter"}])
    assert with_tool["tool_resources"] == {"code_interpreter": {"file_ids": []}}


@pytest.mark.parametrize("body, code, param", [
    ({}, "missing_required_parameter", "model"),
    ({"model": "m", "tools": [{"type": "file_search"}]}, "unsupported_tool", None),
    ({"model": "m", "tools": [{"type": "retrieval"}]}, "unsupported_tool", None),
    ({"model": "m", "tools": [{"type": "function", "function": {}}]}, "missing_required_parameter", None),
    ({"model": "m", "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}}, "unsupported_tool", None),
    ({"model": "m", "tool_resources": {"code_interpreter": {"file_ids": ["file-none"]}}}, "not_found", None),
    ({"model": "m", "metadata": {"k": 1}}, "invalid_type", None),
    ({"model": "m", "temperature": 3}, "decimal_above_max_value", "temperature"),
    ({"model": "m", "response_format": "json"}, "invalid_value", "response_format"),
    ({"model": "m", "name": "n" * 2000}, "string_above_max_length", "name"),
])
def test_what_is_no_assistant(client, body, code, param):
    answer = client.post("/v1/assistants", json=body, headers=V2)
    error = error_of(answer)
    assert answer.status_code == (404 if code == "not_found" else 400)
    assert error["code"] == code and (param is None or error["param"] == param), error


def test_pages_go_both_ways(fresh_server):
    with fresh_server().client() as client:
        ids = [post(client, "/v1/assistants", model="m", name=str(n))["id"] for n in range(5)]
        newest = ids[::-1]

        def page(**query):
            found = get(client, "/v1/assistants", **query)
            assert found["object"] == "list"
            assert found["first_id"] == (found["data"][0]["id"] if found["data"] else None)
            assert found["last_id"] == (found["data"][-1]["id"] if found["data"] else None)
            return [a["id"] for a in found["data"]], found["has_more"]

        assert page() == (newest, False)
        assert page(limit=2) == (newest[:2], True)
        assert page(limit=2, after=newest[1]) == (newest[2:4], True)
        assert page(limit=2, after=newest[3]) == (newest[4:], False)
        assert page(limit=2, before=newest[4]) == (newest[2:4], True)
        assert page(limit=2, before=newest[2]) == (newest[:2], False)
        assert page(limit=9, before=newest[0]) == ([], False)
        assert page(order="asc", limit=2, before=ids[3]) == (ids[1:3], True)
        assert page(order="asc", limit=2, after=ids[3]) == (ids[4:], False)
        assert page(after="asst_unknown") == ([], False)
        for query in ({"limit": 0}, {"limit": 101}, {"order": "up"}, {"after": ids[0], "before": ids[1]}):
            get(client, "/v1/assistants", status=400, **query)


def test_the_first_beta_has_file_ids(client):
    file_id = upload(client)
    made = post(client, "/v1/assistants", model="m", tools=[{"type": "code_interpreter"}], file_ids=[file_id], headers=V1)
    assert made["file_ids"] == [file_id]
    path = f"/v1/assistants/{made['id']}"
    assert get(client, path, headers=V1)["file_ids"] == [file_id]
    newer = get(client, path)
    assert "file_ids" not in newer and newer["tool_resources"] == {"code_interpreter": {"file_ids": [file_id]}}
    thread = post(client, "/v1/threads", messages=[{"role": "user", "content": "x", "file_ids": [file_id]}], headers=V1)
    message, = get(client, f"/v1/threads/{thread['id']}/messages", headers=V1)["data"]
    assert message["file_ids"] == [file_id]
    plain = post(client, f"/v1/threads/{thread['id']}/messages", role="user", content="y", headers=V1)
    assert plain["file_ids"] == []


def test_an_assistants_files(client):
    first, second = upload(client, "a.csv"), upload(client, "b.csv")
    made = post(client, "/v1/assistants", model="m", name="N", tools=[{"type": "code_interpreter"}], file_ids=[first])
    path = f"/v1/assistants/{made['id']}"
    given = post(client, f"{path}/files", file_id=second)
    assert given == {"id": second, "object": "assistant.file", "assistant_id": made["id"],
                     "created_at": client.get(f"/v1/files/{second}").json()["created_at"]}
    assert post(client, f"{path}/files", file_id=second) == given  # once more is the same as once
    assert get(client, f"{path}/files/{second}") == given
    now = get(client, path)
    assert now == {**made, "tool_resources": {"code_interpreter": {"file_ids": [first, second]}}}
    page = get(client, f"{path}/files", limit=1)
    assert (page["data"], page["first_id"], page["last_id"], page["has_more"]) == ([given], second, second, True)
    assert [f["id"] for f in get(client, f"{path}/files", after=second)["data"]] == [first]
    assert [f["id"] for f in get(client, f"{path}/files", order="asc")["data"]] == [first, second]
    assert delete(client, f"{path}/files/{first}") == {"id": first, "object": "assistant.file.deleted", "deleted": True}
    assert client.get(f"/v1/files/{first}").status_code == 200  # the File itself stays
    assert [f["id"] for f in get(client, f"{path}/files")["data"]] == [second]
    for method, where in ("GET", first), ("DELETE", first), ("GET", "file-none"):
        answer = client.request(method, f"{path}/files/{where}")
        assert answer.status_code == 404 and error_of(answer)["message"] == f"No file found with id '{where}'."
    assert post(client, f"{path}/files", status=404, file_id="file-none")["error"]["message"] == "No such File object: file-none"
    assert post(client, f"{path}/files", status=400)["error"]["param"] == "file_id"
    post(client, "/v1/assistants/asst_none/files", status=404, file_id=second)
    assert client.delete(f"/v1/files/{second}").status_code == 200
    assert get(client, f"{path}/files")["data"] == []


def test_an_assistant_has_at_most_twenty_files_however_they_come(client):
    ids = [upload(client, f"{n}.csv") for n in range(21)]
    path = "/v1/assistants/" + post(client, "/v1/assistants", model="m", file_ids=ids[:18])["id"]
    with ThreadPoolExecutor(3) as pool:  # at once: none is lost
        given = list(pool.map(lambda i: client.post(f"{path}/files", json={"file_id": i}).status_code, ids[18:]))
    assert sorted(given) == [200, 200, 400]
    kept = get(client, path)["tool_resources"]["code_interpreter"]["file_ids"]
    assert len(kept) == 20 and set(kept) == set(ids) - {ids[18 + given.index(400)]}


def test_a_messages_files(client):
    first, second = upload(client, "a.csv"), upload(client, "b.csv")
    thread = post(client, "/v1/threads")["id"]
    message = post(client, f"/v1/threads/{thread}/messages", role="user", content="x", file_ids=[first, second])["id"]
    path = f"/v1/threads/{thread}/messages/{message}/files"
    listed = get(client, path, order="asc")
    assert [f["id"] for f in listed["data"]] == [first, second] and listed["has_more"] is False
    assert {**listed["data"][0], "created_at": 0} == {
        "id": first, "object": "thread.message.file", "message_id": message, "created_at": 0}
    assert get(client, f"{path}/{second}") == listed["data"][1]
    get(client, f"{path}/file-none", status=404)
    get(client, f"/v1/threads/{thread}/messages/msg_none/files", status=404)


@pytest.mark.parametrize("name", ["gpt-4-1106-preview", "gpt-3.5-turbo", "gpt-4o-mini"])
def test_a_model_of_the_time_is_answered_by_the_default_one(client, name):
    """The server has no provider: it is the offline analyst that answers, and the run says so."""
    assistant = post(client, "/v1/assistants", model=name, tools=[{"type": "code_interpreter"}])["id"]
    answer = client.post("/v1/threads/runs", headers=V2, json={"assistant_id": assistant, "stream": True, "thread": {
        "messages": [{"role": "user", "content": "Please compute:\n```python\nprint(6*7)\n```"}]}})
    run = json.loads(answer.text.split("event: thread.run.completed\ndata: ")[1].split("\n")[0])
    assert run["model"] == name
    assert run["cloche"]["notices"] == [f"No provider is configured for the model {name}: offline answered in its place."]


def test_a_model_that_nobody_has_is_refused(client):
    assistant = post(client, "/v1/assistants", model="gpt-5")["id"]
    answer = client.post("/v1/threads/runs", headers=V2, json={"assistant_id": assistant})
    assert answer.status_code == 400 and error_of(answer)["code"] == "provider_not_configured"


# ---- threads ----------------------------------------------------------------------------------------


def test_a_thread_from_its_making_to_its_end(client):
    empty = client.post("/v1/threads", headers=V2)
    assert empty.status_code == 200 and empty.json()["object"] == "thread", empty.text
    assert empty.json()["tool_resources"] == {} and empty.json()["metadata"] == {}
    first, second = upload(client, "a.csv"), upload(client, "b.csv")
    thread = post(client, "/v1/threads", metadata={"k": "v"},
                  tool_resources={"code_interpreter": {"file_ids": [first]}}, messages=[
                      {"role": "user", "content": "hello", "attachments": [
                          {"file_id": second, "tools": [{"type": "code_interpreter"}]}]},
                      {"role": "assistant", "content": [{"type": "text", "text": "well"}]}])
    assert thread["id"].startswith("thread_") and thread["metadata"] == {"k": "v"}
    assert thread["tool_resources"] == {"code_interpreter": {"file_ids": [first, second]}}
    path = f"/v1/threads/{thread['id']}"
    assert get(client, path) == thread
    assert post(client, path, metadata={"k": "w"})["metadata"] == {"k": "w"}
    replaced = post(client, path, tool_resources={"code_interpreter": {"file_ids": []}})
    assert replaced["tool_resources"] == {"code_interpreter": {"file_ids": [second]}}
    messages = get(client, f"{path}/messages", order="asc")["data"]
    assert [m["role"] for m in messages] == ["user", "assistant"]
    assert messages[1]["content"] == [{"type": "text", "text": {"value": "well", "annotations": []}}]
    assert delete(client, path) == {"id": thread["id"], "object": "thread.deleted", "deleted": True}
    assert error_of(client.get(path))["message"] == f"No thread found with id '{thread['id']}'."
    get(client, f"{path}/messages", status=404)


def test_ids_of_another_kind_are_refused_in_openais_words(client):
    answer = client.get("/v1/threads/undefined")
    assert answer.status_code == 400
    assert error_of(answer)["message"] == "Invalid 'thread_id': 'undefined'. Expected an ID that begins with 'thread'."
    assert client.get("/v1/assistants/thread_1").status_code == 400


# ---- messages ---------------------------------------------------------------------------------------


def test_a_message_is_shown_whole(client):
    file_id = upload(client)
    thread = post(client, "/v1/threads")["id"]
    path = f"/v1/threads/{thread}/messages"
    message = post(client, path, role="user", metadata={"k": "v"}, content=[
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png", "detail": "low"}}],
        attachments=[{"file_id": file_id, "tools": [{"type": "code_interpreter"}]}])
    assert {**message, "id": "", "created_at": 0, "completed_at": 0} == {
        "id": "", "object": "thread.message", "created_at": 0, "thread_id": thread, "status": "completed",
        "incomplete_details": None, "completed_at": 0, "incomplete_at": None, "role": "user", "content": [
            {"type": "text", "text": {"value": "look", "annotations": []}},
            {"type": "image_url", "image_url": {"url": "https://example.org/x.png", "detail": "low"}}],
        "assistant_id": None, "run_id": None, "metadata": {"k": "v"},
        "attachments": [{"file_id": file_id, "tools": [{"type": "code_interpreter"}]}]}
    assert get(client, f"{path}/{message['id']}") == message
    assert post(client, f"{path}/{message['id']}", metadata={"k": "w"}) == {**message, "metadata": {"k": "w"}}
    assert get(client, path, run_id="run_none")["data"] == []
    gone = delete(client, f"{path}/{message['id']}")
    assert gone == {"id": message["id"], "object": "thread.message.deleted", "deleted": True}
    get(client, f"{path}/{message['id']}", status=404)
    delete(client, f"{path}/{message['id']}", status=404)


@pytest.mark.parametrize("body, code", [
    ({"role": "user"}, "missing_required_parameter"),
    ({"content": "x"}, "missing_required_parameter"),
    ({"role": "system", "content": "x"}, "invalid_value"),
    ({"role": "user", "content": []}, "invalid_value"),
    ({"role": "user", "content": [{"type": "audio"}]}, "invalid_value"),
    ({"role": "user", "content": ["x"]}, "invalid_type"),
    ({"role": "user", "content": [{"type": "text", "text": {"value": 1}}]}, "invalid_type"),
    ({"role": "user", "content": [{"type": "text", "text": {"annotations": []}}]}, "missing_required_parameter"),
    ({"role": "user", "content": [{"type": "text", "text": {"value": "x" * (1 << 20)}}]}, "string_above_max_length"),
    ({"role": "user", "content": [{"type": "image_file", "image_file": {"file_id": "file-none"}}]}, "not_found"),
    ({"role": "user", "content": "x", "attachments": [{"file_id": "file-none"}]}, "not_found"),
    ({"role": "user", "content": "x", "attachments": [{"file_id": "f", "tools": [{"type": "file_search"}]}]},
     "unsupported_tool"),
    ({"role": "user", "content": "x", "file_ids": ["file-none"]}, "not_found"),
])
def test_what_is_no_message(client, body, code):
    thread = post(client, "/v1/threads")["id"]
    answer = client.post(f"/v1/threads/{thread}/messages", json=body, headers=V2)
    assert error_of(answer)["code"] == code, answer.text
    assert get(client, f"/v1/threads/{thread}/messages")["data"] == []
    whole = client.post("/v1/threads", json={"messages": [body]}, headers=V2)
    assert error_of(whole)["code"] == code


def test_a_message_that_was_copied_from_an_answer(client):
    path = f"/v1/threads/{post(client, '/v1/threads')['id']}/messages"
    first = post(client, path, role="user", content="x")
    assert post(client, path, role="user", content=first["content"])["content"] == first["content"]


def test_images_have_a_size_that_a_model_can_see(client):
    small, large = upload(client, "s.png", PNG_BEGIN + bytes(4 << 20)), upload(client, "l.png", PNG_BEGIN + bytes(20 << 20))
    path = f"/v1/threads/{post(client, '/v1/threads')['id']}/messages"

    def refused(*ids):
        parts = [{"type": "image_file", "image_file": {"file_id": i}} for i in ids]
        error = error_of(client.post(path, json={"role": "user", "content": parts}, headers=V2))
        assert (error["code"], error["param"]) == ("invalid_value", "file_id")
        return error["message"]

    assert refused(large) == f"The image {large} is larger than 20 MiB."
    assert refused(*[small] * 16) == "The images of one request are larger than 64 MiB together."
    assert get(client, path)["data"] == []
    post(client, path, role="user", content=[{"type": "image_file", "image_file": {"file_id": small}}] * 2)


def test_an_assistant_can_be_changed_after_its_file_has_gone(client):
    file_id = upload(client)
    resources = {"code_interpreter": {"file_ids": [file_id]}}
    path = "/v1/assistants/" + post(client, "/v1/assistants", model="gpt-4o", tools=[{"type": "code_interpreter"}],
                                    tool_resources=resources)["id"]
    assert client.delete(f"/v1/files/{file_id}").status_code == 200
    assert post(client, path, name="Other")["name"] == "Other"
    refused = client.post(path, json={"name": "Third", "tool_resources": resources}, headers=V2)
    assert error_of(refused)["code"] == "not_found" and get(client, path)["name"] == "Other"


def test_messages_survive_a_restart(fresh_server):
    server = fresh_server()
    with server.client() as client:
        thread = post(client, "/v1/threads", messages=[{"role": "user", "content": "Ω 😀"}])["id"]
        before = get(client, f"/v1/threads/{thread}/messages")
    server.stop()
    server.start()
    with server.client() as client:
        assert get(client, f"/v1/threads/{thread}/messages") == before


def test_a_strangers_ids_are_unknown(fresh_server, cloche):
    import subprocess
    server = fresh_server()

    def key():
        return json.loads(subprocess.check_output(
            [cloche, "key", "create", "--name", "n", "--state", str(server.state), "--json"]))["key"]

    def of(secret):
        return server.client(headers={"Authorization": f"Bearer {secret}"})

    with of(key()) as one, of(key()) as other:
        assistant = post(one, "/v1/assistants", model="m")["id"]
        thread = post(one, "/v1/threads", messages=[{"role": "user", "content": "x"}])["id"]
        get(other, f"/v1/assistants/{assistant}", status=404)
        get(other, f"/v1/threads/{thread}", status=404)
        get(other, f"/v1/threads/{thread}/messages", status=404)
        assert get(other, "/v1/assistants")["data"] == []
        delete(other, f"/v1/threads/{thread}", status=404)
        assert get(one, f"/v1/threads/{thread}")["id"] == thread

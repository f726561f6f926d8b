"""Containers as OpenAI's API has them, and what Cloche adds."""
import re
import time

import pytest

from support.api import HELD, Running, error_of


def create(client, **fields):
    answer = client.post("/v1/containers", json={"name": "mine", "environment": "base", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def made(client):
    container = create(client)
    yield container
    client.delete(f"/v1/containers/{container['id']}")


def test_the_object(client, made):
    assert re.fullmatch(r"cntr_[0-9a-f]{48}", made["id"])
    assert made["object"] == "container" and made["status"] == "running" and made["name"] == "mine"
    assert made["expires_after"] == {"anchor": "last_active_at", "minutes": 20}
    assert made["network_policy"] == {"type": "disabled"} and made["memory_limit"] == "1g"
    assert made["environment"] == "base" and made["branched_from"] is None
    assert abs(made["created_at"] - time.time()) < 60
    assert made["last_active_at"] >= made["created_at"]
    assert made["expires_at"] == made["last_active_at"] + 1200
    assert set(made["usage"]) == {"memory_bytes", "memory_limit_bytes", "disk_bytes", "pids", "cpu_ms"}
    assert made["usage"]["memory_limit_bytes"] == 1 << 30
    again = client.get(f"/v1/containers/{made['id']}").json()
    assert {k: v for k, v in again.items() if k not in ("usage", "last_active_at", "expires_at")} == \
           {k: v for k, v in made.items() if k not in ("usage", "last_active_at", "expires_at")}


@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_served_with_and_without_the_prefix(client, made, prefix):
    assert client.get(f"{prefix}/containers/{made['id']}").json()["id"] == made["id"]


def test_every_answer_has_a_request_id(client, made):
    first, second = (client.get(f"/v1/containers/{made['id']}").headers["x-request-id"] for _ in range(2))
    assert re.fullmatch(r"req_[0-9a-f]{32}", first) and first != second


def test_delete(client):
    made = create(client)
    answer = client.delete(f"/v1/containers/{made['id']}")
    assert answer.json() == {"id": made["id"], "object": "container.deleted", "deleted": True}
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/execute"), ("GET", "/files"), ("POST", "/restart"),
                         ("POST", "/interrupt"), ("GET", "/variables"), ("GET", "/executions"), ("GET", "/archive")]:
        answer = client.request(method, f"/v1/containers/{made['id']}{path}",
                                json={"code": "1"} if path == "/execute" else None)
        assert answer.status_code == 404, (method, path, answer.text)
        error = error_of(answer)
        assert error["message"] == f"Container with id '{made['id']}' not found."
        assert error["type"] == "invalid_request_error" and error["code"] == "not_found"


@pytest.mark.parametrize("field, value, code, param", [
    ("name", None, "missing_required_parameter", "name"),
    ("name", 5, "invalid_type", "name"),
    ("name", "a\0b", "invalid_value", "name"),
    ("expires_after", {"minutes": 5}, "missing_required_parameter", "expires_after.anchor"),
    ("expires_after", {"anchor": "last_active_at"}, "missing_required_parameter", "expires_after.minutes"),
    ("expires_after", {"anchor": "created_at", "minutes": 5}, "invalid_value", "expires_after.anchor"),
    ("expires_after", {"anchor": "last_active_at", "minutes": 0}, "integer_below_min_value", "expires_after.minutes"),
    ("expires_after", {"anchor": "last_active_at", "minutes": 10**9}, "integer_above_max_value", "expires_after.minutes"),
    ("expires_after", {"anchor": "last_active_at", "minutes": "5"}, "invalid_type", "expires_after.minutes"),
    ("expires_after", 5, "invalid_type", "expires_after"),
    ("memory_limit", "much", "invalid_value", "memory_limit"),
    ("memory_limit", 5, "invalid_type", "memory_limit"),
    ("memory_limit", "900000g", "invalid_value", "memory_limit"),
    ("environment", 5, "invalid_type", "environment"),
    ("file_ids", "file-x", "invalid_type", "file_ids"),
    ("file_ids", [5], "invalid_type", "file_ids[0]"),
    ("metadata", {"a": 1}, "invalid_type", "metadata.a"),
    ("metadata", {str(i): "" for i in range(17)}, "object_above_max_properties", "metadata"),
    ("skills", [{"type": "skill_reference"}], "unsupported_parameter", "skills"),
    ("undo", True, "unsupported_parameter", "undo"),
    ("undo", "yes", "invalid_type", "undo"),
    ("network_policy", {"type": "allowlist", "allowed_domains": ["x.org"]}, "unsupported_parameter", "network_policy"),
])
def test_bad_fields(client, field, value, code, param):
    def newest():
        return [c["id"] for c in client.get("/v1/containers", params={"limit": 1}).json()["data"]]
    before = newest()
    answer = client.post("/v1/containers", json={"name": "bad", "environment": "base", field: value})
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert (error["code"], error["param"]) == (code, param), error
    assert newest() == before


def test_the_words_of_a_missing_name(client):
    assert error_of(client.post("/v1/containers", json={}))["message"] == "Missing required parameter: 'name'."


def test_an_environment_that_is_not_built(client):
    answer = client.post("/v1/containers", json={"name": "x", "environment": "no-such-thing"})
    error = error_of(answer)
    assert answer.status_code == 400 and error["code"] == "environment_not_built"
    assert "cloche env build no-such-thing" in error["message"]


def test_unknown_and_null_fields_are_ignored(client):
    made = create(client, from_the_future={"a": [1]}, skills=None, undo=False, network_policy={"type": "disabled"},
                  file_ids=None, expires_after=None, memory_limit=None, metadata=None)
    assert client.delete(f"/v1/containers/{made['id']}").status_code == 200


def test_settings_are_kept(client):
    made = create(client, name="Zoë's", memory_limit="512m", metadata={"who": "me"},
                  expires_after={"anchor": "last_active_at", "minutes": 45})
    again = client.get(f"/v1/containers/{made['id']}").json()
    client.delete(f"/v1/containers/{made['id']}")
    assert again["name"] == "Zoë's" and again["memory_limit"] == "512m" and again["metadata"] == {"who": "me"}
    assert again["expires_after"]["minutes"] == 45
    assert again["expires_at"] == again["last_active_at"] + 45 * 60
    assert again["usage"]["memory_limit_bytes"] == 512 << 20


@pytest.mark.limits
def test_memory_is_raised_under_code_that_runs(server, new_session):
    session = new_session(memory_limit="128m")
    greedy = "x = bytearray(200 << 20); len(x)"
    session.run(greedy, expect="out_of_memory")
    with_more = Running(server, session, HELD + greedy)
    answer = session.client.post(session.path, json={"memory_limit": "512m"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["memory_limit"] == "512m" and answer.json()["usage"]["memory_limit_bytes"] == 512 << 20
    session.release()
    execution = with_more.join()
    assert (execution["status"], execution["result"]) == ("completed", str(200 << 20))

    greedy = "y = bytearray(600 << 20)"  # and it is a limit
    assert session.run(greedy, expect="out_of_memory")["notes"][0].endswith("memory limit of 512 MiB was reached.")
    assert session.retrieve().json()["memory_limit"] == "512m"


@pytest.mark.parametrize("body, code, param", [
    ({}, "missing_required_parameter", "memory_limit"),
    ({"memory_limit": None}, "missing_required_parameter", "memory_limit"),
    ({"memory_limit": 5}, "invalid_type", "memory_limit"),
    ({"memory_limit": "much"}, "invalid_value", "memory_limit"),
    ({"memory_limit": "1m"}, "invalid_value", "memory_limit"),
    ({"memory_limit": "512m"}, "invalid_value", "memory_limit"),  # less than it has
    ({"memory_limit": "900000g"}, "invalid_value", "memory_limit"),
    ({"memory_limit": "2g", "name": "other"}, "unknown_parameter", "name"),
])
def test_what_no_container_can_become(client, made, body, code, param):
    path = f"/v1/containers/{made['id']}"
    answer = client.post(path, json=body)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param), error
    assert client.get(path).json()["memory_limit"] == "1g"


def test_the_same_memory_again_and_nobodys(client, made):
    answer = client.post(f"/v1/containers/{made['id']}", json={"memory_limit": "1024m"})
    assert answer.status_code == 200 and answer.json()["memory_limit"] == "1g"
    answer = client.post("/v1/containers/cntr_" + "0" * 48, json={"memory_limit": "2g"})
    assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"


def test_file_ids_are_copied_in_under_their_names(client):
    def upload(content):
        return client.post("/v1/files", files={"file": ("data.csv", content)}, data={"purpose": "assistants"}).json()["id"]
    ids = [upload(b"first"), upload(b"second")]
    made = create(client, file_ids=ids)
    listed = client.get(f"/v1/containers/{made['id']}/files", params={"order": "asc"}).json()["data"]
    found = {entry["path"]: entry for entry in listed}
    assert set(found) == {"/mnt/data/data.csv", "/mnt/data/data (2).csv"}
    assert all(entry["source"] == "user" for entry in listed)
    second = found["/mnt/data/data (2).csv"]["id"]
    assert client.get(f"/v1/containers/{made['id']}/files/{second}/content").content == b"second"
    client.delete(f"/v1/containers/{made['id']}")
    for identifier in ids:
        client.delete(f"/v1/files/{identifier}")


def test_an_unknown_file_id_makes_no_container(client):
    answer = client.post("/v1/containers", json={"name": "x", "environment": "base", "file_ids": ["file-nowhere"]})
    assert answer.status_code == 404
    assert error_of(answer)["message"] == "No such File object: file-nowhere"
    assert error_of(answer)["param"] == "file_ids[0]"


@pytest.mark.parametrize("identifier", ["cntr_unknown", "cntr_" + "0" * 48, "x", "..", "a%2Fb", "%00", "cntr_%F0%9F%98%80"])
def test_unknown_ids(client, identifier):
    answer = client.get(f"/v1/containers/{identifier}")
    assert answer.status_code in ((400, 404) if identifier in ("..", "%00") else (404,)), answer.text
    error_of(answer)


def test_an_id_beyond_64_letters(client):
    answer = client.get("/v1/containers/" + "c" * 65)
    assert answer.status_code == 400 and error_of(answer)["code"] == "string_above_max_length"


def test_methods_that_are_not(client, made):
    answer = client.put(f"/v1/containers/{made['id']}", json={})
    assert answer.status_code == 405 and error_of(answer)["code"] == "method_not_allowed"
    assert {"GET", "DELETE"} <= {word.strip() for word in answer.headers["allow"].split(",")}


def test_retrieve_refreshes_and_list_does_not(client, made):
    def listed():
        return next(c for c in client.get("/v1/containers").json()["data"] if c["id"] == made["id"])
    first = listed()["last_active_at"]
    deadline = time.monotonic() + 5
    while time.time() < first + 1.01 and time.monotonic() < deadline:
        listed()
    assert listed()["last_active_at"] == first
    assert client.get(f"/v1/containers/{made['id']}").json()["last_active_at"] > first


@pytest.mark.root
def test_an_expired_container(fresh_server):
    import os
    import signal
    from support import machine
    server = fresh_server()
    with server.client() as client:
        made = create(client)
        path = f"/v1/containers/{made['id']}"
        done = client.post(f"{path}/execute", json={"code": "open('a', 'w').write('x')"}).json()
        for warden in server.named("warden"):
            os.kill(warden.pid, signal.SIGKILL)
        machine.wait_until(lambda: client.get(path).json()["status"] == "expired", 10, "the container's expiry")
        gone = client.get(path).json()
        assert gone["name"] == "mine" and gone["status_reason"]
        for method, rest, body in [("POST", "/execute", {"code": "1"}), ("GET", "/files", None), ("POST", "/interrupt", None), ("POST", "/restart", None),
                                   ("GET", f"/files/{done['files'][0]['id']}/content", None), ("GET", "/variables", None), ("GET", "/archive", None),
                                   ("POST", "/input", {"text": "x"})]:
            answer = client.request(method, path + rest, json=body)
            assert answer.status_code == 400, (method, rest, answer.text)
            error = error_of(answer)
            assert error["code"] == "container_expired" and error["message"].startswith("Container is expired.")
        upload = client.post(f"{path}/files", files={"file": ("a", b"x")})
        assert upload.status_code == 400 and error_of(upload)["code"] == "container_expired"
        assert client.get(f"{path}/executions/{done['id']}").json() == done  # what was said stays
        assert made["id"] in [c["id"] for c in client.get("/v1/containers").json()["data"]]
        assert client.delete(path).json()["deleted"] is True
        assert client.get(path).status_code == 404
        machine.wait_until(lambda: client.post("/v1/execute", json={"code": "1"}).status_code == 200, 20, "a new ground")

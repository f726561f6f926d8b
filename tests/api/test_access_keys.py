"""Keys: open while there is none, closed from the first on, projects apart."""
import base64
import json
import re
import subprocess

import pytest

from support.api import error_of


def key_command(server, *arguments):
    done = subprocess.run([server.cloche, "key", *arguments, "--state", server.state, "--json"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def bearer(key):
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def keyed(fresh_server):
    """A server with something made before the first key, that key, and one of another project."""
    server = fresh_server()
    with server.client() as client:
        server.before = client.post("/v1/containers", json={"name": "before", "environment": "base"}).json()["id"]
        server.first = key_command(server, "create", "--name", "first")
        server.second = key_command(server, "create", "--name", "second")
        yield server


@pytest.mark.parametrize("value", [None, "Bearer sk-1234", "Bearer your_api_key", "Bearer", "Basic OnNrLTEyMzQ=", "Nonsense", "Bearer \xff"])
def test_open_without_keys(client, value):
    headers = {} if value is None else {"authorization": value.encode("latin-1")}
    assert client.get("/v1/containers", headers=headers).status_code == 200


def test_a_key(keyed):
    assert set(keyed.first) >= {"id", "key", "name", "project"} and keyed.first["project"] == "default"
    assert keyed.second["project"] != "default"
    with keyed.client() as client:
        assert client.get("/v1/containers", headers=bearer(keyed.first["key"])).status_code == 200
        for text in (f":{keyed.first['key']}", f"{keyed.first['key']}:"):
            basic = base64.b64encode(text.encode()).decode()
            assert client.get("/v1/containers", headers={"authorization": f"Basic {basic}"}).status_code == 200
        assert client.get("/v1/containers", headers={"authorization": f"bearer   {keyed.first['key']}"}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-1234567890abcdefghij"}, {"authorization": "Bearer"},
                                     {"authorization": "Basic !!!"}, {"authorization": "Basic OnNrLTEyMzQ="},
                                     {"authorization": "Bearer " + "x" * 10000}, {"authorization": "Digest x"}])
def test_closed_with_keys(keyed, headers):
    with keyed.client() as client:
        for method, path in [("GET", "/v1/containers"), ("POST", "/v1/execute"), ("GET", "/v1/nothing"), ("GET", "/"), ("DELETE", "/v1/files/x")]:
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert error_of(answer)["code"] == "unauthorized"
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_words(keyed):
    with keyed.client() as client:
        missing = error_of(client.get("/v1/containers"))["message"]
        wrong = error_of(client.get("/v1/containers", headers=bearer("sk-abcdefghijklmnopqrstuvwxyz")))["message"]
    assert missing.startswith("You didn't provide an API key.")
    assert wrong.startswith("Incorrect API key provided: sk-a***yz.") and "efgh" not in wrong


def test_what_stays_public(keyed):
    with keyed.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code in (200, 503)
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 200
        for asset in re.findall(r'(/assets/[^"]+)', page.text):
            assert client.get(asset).status_code == 200
        assert client.get("/favicon.ico").status_code == 200


def test_401_comes_before_the_body(keyed):
    from support import wire
    reply = wire.exchange(keyed, b"POST /v1/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\nExpect: 100-continue\r\n"
                                 b"Connection: close\r\n\r\n")
    assert wire.replies(reply)[0].status == 401


def test_projects_do_not_see_each_other(keyed):
    first, second = bearer(keyed.first["key"]), bearer(keyed.second["key"])
    with keyed.client() as client:
        assert client.get(f"/v1/containers/{keyed.before}", headers=first).status_code == 200  # made before any key
        kept = client.post("/v1/files", files={"file": ("a", b"x")}, data={"purpose": "evals"}, headers=first).json()["id"]
        ran = client.post(f"/v1/containers/{keyed.before}/execute", json={"code": "1"}, headers=first).json()["id"]
        taken = {"cells": [{"type": "code", "container_id": keyed.before, "execution_id": ran}]}
        assert client.post("/v1/notebooks", json=taken, headers=first).status_code == 200
        for method, path, body in [("GET", f"/v1/containers/{keyed.before}", None), ("DELETE", f"/v1/containers/{keyed.before}", None),
                                   ("POST", f"/v1/containers/{keyed.before}/execute", {"code": "1"}), ("GET", f"/v1/containers/{keyed.before}/files", None),
                                   ("GET", f"/v1/containers/{keyed.before}/executions", None), ("GET", f"/v1/containers/{keyed.before}/archive", None),
                                   ("POST", f"/v1/containers/{keyed.before}/interrupt", None), ("POST", f"/v1/containers/{keyed.before}/restart", None),
                                   ("GET", f"/v1/files/{kept}", None), ("GET", f"/v1/files/{kept}/content", None), ("DELETE", f"/v1/files/{kept}", None),
                                   ("POST", "/v1/notebooks", taken),
                                   ("POST", "/v1/execute", {"code": "1", "files": [{"name": "a", "file_id": kept}]}),
                                   ("POST", "/v1/containers", {"name": "x", "environment": "base", "file_ids": [kept]})]:
            answer = client.request(method, path, json=body, headers=second)
            assert answer.status_code == 404, (method, path, answer.text)
            assert error_of(answer)["code"] == "not_found"
        for path in ("/v1/containers", "/v1/files"):
            assert client.get(path, headers=second).json()["data"] == []
            assert len(client.get(path, headers=first).json()["data"]) == 1


def test_a_shared_project(keyed):
    third = key_command(keyed, "create", "--name", "third", "--project", "team")
    fourth = key_command(keyed, "create", "--name", "fourth", "--project", "team")
    with keyed.client() as client:
        made = client.post("/v1/containers", json={"name": "x", "environment": "base"}, headers=bearer(third["key"])).json()["id"]
        assert client.get(f"/v1/containers/{made}", headers=bearer(fourth["key"])).status_code == 200


def test_revoked_at_once_and_closed_for_good(keyed):
    with keyed.client() as client:
        for key in (keyed.first, keyed.second):
            assert client.get("/v1/containers", headers=bearer(key["key"])).status_code == 200
            key_command(keyed, "revoke", key["id"])
            assert client.get("/v1/containers", headers=bearer(key["key"])).status_code == 401
        assert client.get("/v1/containers").status_code == 401
        assert client.get("/healthz").status_code == 200


def test_keys_never_reach_the_log(keyed):
    with keyed.client() as client:
        client.get("/v1/containers", headers=bearer(keyed.first["key"]))
        client.get("/v1/containers", headers=bearer("sk-very-secret-indeed-1234"))
    assert keyed.first["key"] not in keyed.log() and "very-secret" not in keyed.log()
    for file in keyed.state.rglob("*"):
        if file.is_file():
            assert keyed.first["key"].encode() not in file.read_bytes()


@pytest.mark.parametrize("host, allowed", [("localhost", True), ("localhost:1", True), ("127.0.0.1", True), ("127.9.9.9:80", True), ("[::1]:8000", True),
                                           ("example.org", False), ("127.0.0.1.example.org", False), ("localhost.example.org", False), ("10.0.0.1", False)])
def test_hosts(client, host, allowed):
    answer = client.get("/healthz", headers={"host": host})
    assert (answer.status_code == 200) == allowed
    assert allowed or answer.status_code in (400, 403)


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1", "http://localhost.example.org"])
def test_strange_origins(client, origin):
    answer = client.post("/v1/execute", json={"code": "1"}, headers={"origin": origin})
    assert answer.status_code == 403 and error_of(answer)["code"] == "forbidden"


def test_its_own_origin(client, server):
    assert client.get("/healthz", headers={"origin": server.url}).status_code == 200

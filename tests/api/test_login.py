"""A browser's way in: a key once, then a cookie."""
import json

import pytest


@pytest.fixture
def keyed(fresh_server, call):
    server = fresh_server("--default-environment", "base")
    made = [json.loads(call("key", "create", "--name", n, "--project", n, "--state", server.state, "--json").stdout)
            for n in ("ann", "bob")]
    return server, made


def test_without_keys_nobody_is_asked(client):
    answer = client.post("/api/login", json={"key": "anything"})
    assert answer.status_code == 204 and "set-cookie" not in answer.headers
    assert client.post("/api/login", json={}).status_code == 400


def test_a_key_once_then_a_cookie(keyed, call):
    server, (ann, bob) = keyed
    with server.client() as browser, server.client() as other, \
            server.client(headers={"authorization": f"Bearer {ann['key']}"}) as program:
        assert browser.get("/v1/containers").status_code == 401
        wrong = browser.post("/api/login", json={"key": "cl-wrong"})
        assert wrong.status_code == 401 and set(wrong.json()) == {"detail"} and "set-cookie" not in wrong.headers
        answer = browser.post("/api/login", json={"key": ann["key"]})
        assert answer.status_code == 204 and answer.content == b""
        words = {w.strip().lower() for w in answer.headers["set-cookie"].split(";")[1:]}
        assert words == {"path=/", "max-age=2592000", "httponly", "samesite=strict"}
        cookie = answer.cookies["cloche_session"]
        assert len(cookie) >= 43 and cookie not in ann["key"]
        thread = browser.post("/api/thread/create").json()["thread_id"]  # the client kept the cookie
        assert program.get(f"/api/thread/{thread}/messages").status_code == 200
        assert browser.get("/v1/containers", headers={"authorization": f"Bearer {bob['key'][:-1]}"}).status_code == 401
        # another browser, another cookie; logging out ends one
        other.post("/api/login", json={"key": ann["key"]})
        assert other.cookies["cloche_session"] != cookie
        gone = browser.post("/api/logout")
        assert gone.status_code == 204 and "max-age=0" in gone.headers["set-cookie"].lower()
        with server.client(cookies={"cloche_session": cookie}) as thief:
            assert thief.get("/v1/containers").status_code == 401
        assert other.get("/v1/containers").status_code == 200
        # a page of another origin gets nothing by it
        assert other.get("/v1/containers", headers={"origin": "http://elsewhere.example"}).status_code == 403
        # nor does what shares the site but not the origin: another port, a frame that is shut in
        for site, status in (("same-origin", 200), ("none", 200), ("same-site", 401), ("cross-site", 401)):
            assert other.get("/v1/containers", headers={"sec-fetch-site": site}).status_code == status
        # it ends with its key
        call("key", "revoke", ann["id"], "--state", server.state)
        assert other.get("/v1/containers").status_code == 401


def test_it_outlives_the_server_and_is_stored_hashed(keyed, fresh_server):
    server, (ann, _) = keyed
    with server.client() as browser:
        cookie = browser.post("/api/login", json={"key": ann["key"]}).cookies["cloche_session"]
    server.stop()
    stored = b"".join(p.read_bytes() for p in server.state.glob("store.db*"))
    assert cookie.encode() not in stored and ann["key"].encode() not in stored
    again = fresh_server("--default-environment", "base", state=server.state)
    with again.client(cookies={"cloche_session": cookie}) as browser:
        assert browser.get("/v1/containers").status_code == 200
        assert browser.get("/v1/containers", headers={"cookie": "cloche_session=" + "x" * 500}).status_code == 401


def test_odd_logouts(client):
    assert client.post("/api/logout").status_code == 204
    assert client.post("/api/logout", headers={"cookie": "cloche_session=nothing"}).status_code == 204

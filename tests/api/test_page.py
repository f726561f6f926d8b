"""What the page of a browser is made of, and the lists that it needs beside OpenAI's endpoints."""
import re

import pytest

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-encoding": "gzip, deflate, br"}


@pytest.fixture
def page(client):
    return client.get("/", headers=BROWSER)


def test_the_document_is_asked_for_anew_and_known_by_its_etag(client, page):
    assert page.headers["cache-control"] == "no-cache" and page.headers["content-encoding"] == "gzip"
    again = client.get("/", headers={**BROWSER, "if-none-match": page.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_what_it_loads_never_changes_under_its_name(client, page):
    assets = set(re.findall(r'/assets/([^"]+)', page.text))
    assert len(assets) >= 3
    for name in assets:
        answer = client.get(f"/assets/{name}")
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get(f"/assets/{name}", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert client.get("/assets/main.js").status_code == 404
    assert client.get("/assets/..%2f..%2fetc%2fpasswd").status_code == 404


def test_who_cannot_undo_gzip_is_told(client, page):
    name = re.search(r'/assets/([^"]+\.js)', page.text)[1]
    for accept in ("identity", "gzip;q=0"):
        refused = client.get(f"/assets/{name}", headers={"accept-encoding": accept})
        assert refused.status_code == 400 and "gzip" in refused.json()["error"]["message"]


def test_conversations_are_listed_newest_first(client):
    made = [client.post("/v1/conversations", json={"metadata": {"title": f"number {n}"}}).json() for n in range(3)]
    first = client.get("/v1/conversations", params={"limit": 2}).json()
    assert first["data"] == [made[2], made[1]] and first["has_more"] is True
    rest = client.get("/v1/conversations", params={"limit": 1, "after": first["last_id"]}).json()
    assert rest["data"] == [made[0]]


def test_what_was_asked_and_answered_in_a_conversation(client, session):
    conversation = client.post("/v1/conversations", json={}).json()["id"]
    asked = {"model": "offline", "conversation": conversation, "input": "```python\nprint(6 * 7)\n```",
             "tools": [{"type": "code_interpreter", "container": session.id}]}
    answer = client.post("/v1/responses", json=asked).json()
    listed = client.get(f"/v1/conversations/{conversation}/responses", params={"order": "asc"}).json()
    assert [turn["response"] for turn in listed["data"]] == [answer]
    assert listed["data"][0]["input"][0]["content"][0]["text"] == asked["input"]
    call = next(item for item in answer["output"] if item["type"] == "code_interpreter_call")
    record = client.get(f"{session.path}/executions/{call['execution_id']}").json()
    assert record["stdout"] == "42\n" and "code" not in record
    with_code = client.get(f"{session.path}/executions/{call['execution_id']}", params={"include": "code"}).json()
    assert with_code == {**record, "code": call["code"]}
    assert client.get(f"{session.path}/executions?include=code").json()["data"] == [with_code]
    assert client.get("/v1/conversations/conv_0/responses").status_code == 404


def test_a_stream_told_again_has_live_output_when_asked(client, session):
    body = {"model": "offline", "background": True, "stream": True, "stream_options": {"cloche_events": True},
            "input": "```python\nprint('seen')\n```", "tools": [{"type": "code_interpreter", "container": session.id}]}
    first = client.post("/v1/responses", json=body).text
    found = re.search(r'"(resp_\w+)"', first)[1]
    again = client.get(f"/v1/responses/{found}?stream=true&cloche_events=true").text
    without = client.get(f"/v1/responses/{found}?stream=true").text
    assert again == first and "cloche.execution.output" in first and "cloche.execution.output" not in without

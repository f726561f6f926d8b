"""Webhooks: who may be called, what is sent, and that nothing is lost. The receiver is a real server on loopback."""
import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks.webhooks import Webhook
from support import clock
from support.machine import wait_until
from support.provider import Gate, Refuse, Turn

ANALYST = "```python\n{}\n```"
ALL = ["response.completed", "response.failed", "response.incomplete", "response.cancelled"]  # of runs, however long


class Receiver:
    """Keeps what it is sent, and answers with the next of `answers`, then 204."""

    def __init__(self, answers=()):
        self.got, self.answers = queue.Queue(), list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                answer = receiver.answers.pop(0) if receiver.answers else 204
                status, fields = answer if isinstance(answer, tuple) else (answer, {})
                receiver.got.put((dict(self.headers), body, status))
                self.send_response(status)
                for name, value in {"content-length": "0", **fields}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, seconds=20):
        return self.got.get(timeout=seconds)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = []

    def make(answers=()):
        made.append(Receiver(answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def open_server(cloche, environments, tmp_path_factory):
    from support.server import Server
    with Server(cloche, tmp_path_factory.mktemp("webhooks") / "state", environments, "--webhook-private", "on",
                "--default-environment", "base") as running:
        yield running


@pytest.fixture
def open_client(open_server):
    with open_server.client() as client:
        yield client
        for hook in client.get("/v1/webhooks").json()["data"]:
            client.delete(f"/v1/webhooks/{hook['id']}")


def register(client, url, events=ALL):
    answer = client.post("/v1/webhooks", json={"url": url, "events": events})
    assert answer.status_code == 200, answer.text
    return answer.json()


def deliveries(client, hook):
    answer = client.get(f"/v1/webhooks/{hook['id']}/deliveries")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def settled(client, hook, n=1):
    wait_until(lambda: [d["status"] for d in deliveries(client, hook)].count("delivered") == n, 20)
    return deliveries(client, hook)


def test_the_object(open_client):
    hook = register(open_client, "https://hooks.example.com/a", ["response.completed"])
    assert hook["id"].startswith("wh_") and hook["object"] == "webhook" and hook["secret"].startswith("whsec_")
    shown = {k: v for k, v in hook.items() if k != "secret"}
    assert open_client.get(f"/v1/webhooks/{hook['id']}").json() == shown
    assert open_client.get("/v1/webhooks").json()["data"] == [shown]
    assert open_client.get(f"/webhooks/{hook['id']}/deliveries").json()["data"] == []
    assert open_client.delete(f"/v1/webhooks/{hook['id']}").json() == {"id": hook["id"], "object": "webhook", "deleted": True}
    for path in ("", "/deliveries"):
        assert open_client.get(f"/v1/webhooks/{hook['id']}{path}").status_code == 404
    assert open_client.delete(f"/v1/webhooks/{hook['id']}").status_code == 404


@pytest.mark.parametrize("body, param", [
    ({"events": ALL}, "url"), ({"url": "https://example.com"}, "events"), ({"url": "https://example.com", "events": []}, "events"),
    ({"url": "https://example.com", "events": ["response.finished"]}, "events"), ({"url": "example.com", "events": ALL}, "url"),
    ({"url": "file:///etc/passwd", "events": ALL}, "url"), ({"url": "gopher://example.com/", "events": ALL}, "url"),
    ({"url": "https://user:word@example.com/", "events": ALL}, "url"),
    ({"url": "https://example.com/" + "x" * 2048, "events": ALL}, "url"), ({"url": "https://example.com", "event": ALL}, "event")])
def test_what_is_no_webhook(open_client, body, param):
    answer = open_client.post("/v1/webhooks", json=body)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text


def test_twenty_and_no_more(open_client):
    for i in range(20):
        register(open_client, f"https://example.com/{i}")
    answer = open_client.post("/v1/webhooks", json={"url": "https://example.com/", "events": ALL})
    assert answer.status_code == 429 and answer.json()["error"]["code"] == "quota_exceeded"


def test_an_event_is_signed_and_verified(open_client, receiver):
    listening = receiver()
    hook = register(open_client, listening.url)
    made = open_client.post("/v1/responses", json={"model": "offline", "input": "hello"}).json()
    headers, body, _ = listening.next()
    event = Webhook(hook["secret"]).verify(body, {k.lower(): v for k, v in headers.items()})
    event = event if isinstance(event, dict) else json.loads(body)
    assert event == {"id": event["id"], "object": "event", "created_at": made["completed_at"] or event["created_at"],
                     "type": "response.completed", "data": {"id": made["id"]}}
    assert event["id"].startswith("evt_") and headers["webhook-id"] == event["id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60 and headers["content-type"] == "application/json"
    with pytest.raises(Exception):
        Webhook(hook["secret"]).verify(body + b" ", {k.lower(): v for k, v in headers.items()})
    [told] = settled(open_client, hook)
    assert told == {"id": event["id"], "object": "webhook.delivery", "created_at": event["created_at"], "type": "response.completed",
                    "event": event, "status": "delivered", "attempts": 1, "next_attempt_at": None, "response_status": 204,
                    "error": None}


def test_an_explorers_analysis_is_told_too(open_client, receiver):
    listening = receiver()
    register(open_client, listening.url, ["response.completed"])
    assert open_client.post("/api/analyze", json={"prompt": ANALYST.format("print(1)")}).status_code == 200
    assert json.loads(listening.next()[1])["data"]["id"].startswith("run_")


def test_what_fails_is_tried_again(open_client, receiver):
    listening = receiver([500, (302, {"location": "/elsewhere"})])
    hook = register(open_client, listening.url)
    open_client.post("/v1/responses", json={"model": "offline", "input": "hello"})
    tries = [listening.next() for _ in range(2)]
    assert [t[2] for t in tries] == [500, 302]
    assert len({t[0]["webhook-id"] for t in tries}) == 1 and len({t[1] for t in tries}) == 1
    wait_until(lambda: deliveries(open_client, hook)[0]["response_status"] == 302, 10)
    [waiting] = deliveries(open_client, hook)
    assert waiting["status"] == "pending" and waiting["attempts"] == 2 and waiting["next_attempt_at"] > time.time()
    assert "302" in waiting["error"]


def test_gone_is_gone(open_client, receiver):
    listening = receiver([410])
    hook = register(open_client, listening.url)
    open_client.post("/v1/responses", json={"model": "offline", "input": "hello"})
    wait_until(lambda: [d["status"] for d in deliveries(open_client, hook)] == ["failed"], 20)
    assert deliveries(open_client, hook)[0]["next_attempt_at"] is None


def test_each_end_has_its_name(fresh_server, provider, receiver):
    listening, gate = receiver(), Gate()
    scripted = provider([Refuse("invalid"), Turn("half", finish="length"), Turn(gate, "never"), Turn("fine")])
    server = fresh_server("--webhook-private", "on", "--default-environment", "base", env=scripted.environment("chat"))
    with server.client() as client:
        register(client, listening.url)
        only = register(client, listening.url, ["response.cancelled"])
        types = []
        for _ in range(2):
            client.post("/v1/responses", json={"model": "default", "input": "x"})
            types.append(json.loads(listening.next()[1])["type"])
        slow = client.post("/v1/responses", json={"model": "default", "input": "x", "background": True}).json()
        assert gate.reached.wait(10)
        client.post(f"/v1/responses/{slow['id']}/cancel")
        gate.open()
        both = [json.loads(listening.next()[1]) for _ in range(2)]  # both webhooks want it
        assert [e["type"] for e in both] == ["response.cancelled"] * 2 and both[0]["data"] == {"id": slow["id"]}
        assert types == ["response.failed", "response.incomplete"]
        assert len(settled(client, only)) == 1


@pytest.mark.root  # the clock is moved from outside
def test_a_long_analysis_is_told(fresh_server, provider, receiver):
    """By a run's time from its beginning to its answer; one that fails, or is quick, is no long analysis that is done."""
    listening, gates = receiver(), [Gate(), Gate()]
    scripted = provider([Turn("quick"), Turn(gates[0], "done"), Turn(gates[1], "never")])
    server = fresh_server("--webhook-private", "on", "--default-environment", "base", "--webhook-long", "120",
                          env=scripted.environment("chat"))
    with server.client() as client:
        hook = register(client, listening.url, ["cloche.analysis.completed"])
        other = register(client, "https://example.com/", ["response.completed"])
        ask = {"model": "default", "input": "x", "background": True}
        assert client.post("/v1/responses", json={**ask, "background": False}).json()["status"] == "completed"
        slow = []
        for gate in gates:
            slow.append(client.post("/v1/responses", json=ask).json()["id"])
            assert gate.reached.wait(10)
            clock.advance(server, 130)
            if gate is gates[1]:
                client.post(f"/v1/responses/{slow[1]}/cancel")
            gate.open()
            wait_until(lambda: client.get(f"/v1/responses/{slow[-1]}").json()["status"] in ("completed", "cancelled"), 20)
        event = json.loads(listening.next()[1])
        assert event == {"id": event["id"], "object": "event", "created_at": event["created_at"],
                         "type": "cloche.analysis.completed", "data": {"id": slow[0]}}
        assert len(settled(client, hook)) == 1
        assert [d["type"] for d in deliveries(client, other)] == ["response.completed"] * 2
        assert event["id"] not in [d["id"] for d in deliveries(client, other)]


def test_nothing_is_lost_when_the_server_dies(fresh_server, provider, receiver):
    """Killed before the first attempt could succeed, and in the middle of a run: both are told by the next server."""
    gate, listening = Gate(), receiver([500, 500])
    scripted = provider([Turn("done"), Turn(gate, "never")])
    flags = ("--webhook-private", "on", "--default-environment", "base")
    first = fresh_server(*flags, env=scripted.environment("chat"))
    with first.client() as client:
        register(client, listening.url)
        done = client.post("/v1/responses", json={"model": "default", "input": "x"}).json()
        assert listening.next()[2] == 500
        cut = client.post("/v1/responses", json={"model": "default", "input": "x", "background": True}).json()
        assert gate.reached.wait(10)
        first.kill()
        first.process = None
    gate.open()
    fresh_server(*flags, state=first.state, env=scripted.environment("chat"))
    told = {}
    while len(told) < 2:
        _, body, status = listening.next(60)
        event = json.loads(body)
        if status == 204:
            told[event["data"]["id"]] = event["type"]
    assert told == {done["id"]: "response.completed", cut["id"]: "response.failed"}


# ---- where they may go ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("host", [
    "localhost", "127.0.0.1", "127.1", "2130706433", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[2001:db8::1]"])
def test_private_addresses_are_refused(client, host):
    answer = client.post("/v1/webhooks", json={"url": f"http://{host}:9/hook", "events": ALL})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "url", answer.text


def test_a_name_that_leads_to_a_private_address_is_not_called(client, receiver):
    """The machine's own name for loopback passes as a name; the connection is refused when it is made."""
    listening = receiver()
    port = listening.server.server_port
    hook = register(client, f"http://localhost.:{port}/hook")
    try:
        client.post("/v1/responses", json={"model": "offline", "input": "hello"})
        wait_until(lambda: [d["attempts"] > 0 and d["error"] for d in deliveries(client, hook)] not in ([], [False], [None]), 20)
        assert "private" in deliveries(client, hook)[0]["error"] or "resolve" in deliveries(client, hook)[0]["error"]
        assert listening.got.empty()
    finally:
        client.delete(f"/v1/webhooks/{hook['id']}")


def test_webhooks_belong_to_projects(fresh_server, call, receiver):
    listening = receiver()
    server = fresh_server("--webhook-private", "on", "--default-environment", "base")
    keys = [json.loads(call("key", "create", "--name", n, "--project", n, "--state", server.state, "--json").stdout)["key"]
            for n in ("ann", "bob")]
    ann, bob = (server.client(headers={"authorization": f"Bearer {key}"}) for key in keys)
    with ann, bob:
        hook = register(ann, listening.url)
        assert bob.get("/v1/webhooks").json()["data"] == []
        for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/deliveries")]:
            assert bob.request(method, f"/v1/webhooks/{hook['id']}{path}").status_code == 404
        bob.post("/v1/responses", json={"model": "offline", "input": "hello"})
        mine = ann.post("/v1/responses", json={"model": "offline", "input": "hello"}).json()
        assert json.loads(listening.next()[1])["data"] == {"id": mine["id"]}
        assert len(settled(ann, hook)) == 1

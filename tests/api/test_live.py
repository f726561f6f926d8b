"""/api/ws: runs and executions over a WebSocket, with a real client, and with frames that no client would send."""
import base64
import json
import os
import socket
import struct

import pytest
from support import machine
from support.api import HELD
from support.machine import wait_until
from support.provider import Gate, Turn, python
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

ANALYST = "```python\n{}\n```"


class Live:
    def __init__(self, server, **options):
        self.connection = connect(f"ws://127.0.0.1:{server.port}/api/ws", proxy=None, max_size=1 << 30, **options)
        self.socket = self.connection.__enter__()

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.connection.__exit__(*problem)

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def hear(self, timeout=30):
        return json.loads(self.socket.recv(timeout))

    def until(self, type, timeout=30):
        heard = []
        while not heard or heard[-1]["type"] != type:
            heard.append(self.hear(timeout))
        return heard


@pytest.fixture
def live(server):
    with Live(server) as made:
        yield made


def of_run(heard, run_id):
    return [e for e in heard if e.get("run_id") == run_id and "sequence_number" in e]


def test_a_chat_is_told_as_it_happens(live, client):
    live.say(type="chat", id="q1", message=ANALYST.format("print('one')\nprint('two')"))
    heard = live.until("chat.completed")
    run_id = heard[0]["run_id"]
    assert heard[0]["type"] == "run.started" and heard[0]["id"] == "q1" and heard[0]["thread_id"].startswith("thread_")
    events = of_run(heard, run_id)
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    types = [e["type"] for e in events]
    for one, then in [("run.started", "code.delta"), ("code.delta", "execution.started"),
                      ("execution.started", "execution.output"), ("execution.output", "execution.completed"),
                      ("execution.completed", "text.delta"), ("text.delta", "run.completed")]:
        assert types.index(one) < len(types) - 1 - types[::-1].index(then), (one, then)
    answer = heard[-1]
    assert answer["id"] == "q1" and answer["thread_id"] == heard[0]["thread_id"] and "two" in answer["message"]
    said = client.get(f"/api/thread/{answer['thread_id']}/messages").json()["messages"]
    assert said[-1]["content"] == answer["message"]
    # the same thread goes on, by this wire or the other
    live.say(type="chat", id="q2", message=ANALYST.format("print('three')"), thread_id=answer["thread_id"])
    assert "three" in live.until("chat.completed")[-1]["message"]


def test_events_can_be_told_again_from_any_number_on(live, server):
    live.say(type="chat", id="a", message=ANALYST.format("print(6 * 7)"))
    heard = live.until("chat.completed")
    events = of_run(heard, heard[0]["run_id"])
    with Live(server) as other:
        other.say(type="resume", id="b", run_id=heard[0]["run_id"], starting_after=2)
        again = other.until("chat.completed")
        assert of_run(again, heard[0]["run_id"]) == events[3:]
        assert {**again[-1], "id": "a"} == heard[-1]
        other.say(type="resume", id="c", run_id=heard[0]["run_id"])
        first = other.until("chat.completed")[0]
        assert first["type"] == "run.started" and first["id"] == "c" and first["sequence_number"] == 0


def test_a_response_of_the_other_dialect_is_told_too(live, client):
    made = client.post("/v1/responses", json={"model": "offline", "input": "hello"}).json()
    live.say(type="resume", id="r", run_id=made["id"])
    assert live.until("run.completed")[0]["type"] == "run.started"


def test_code_by_hand(live, session):
    live.say(type="execute", id="e1", container_id=session.id, code="x = 5\nprint('working')\nx + 1")
    heard = live.until("execution.completed")
    assert {e["id"] for e in heard} == {"e1"} and [e["sequence_number"] for e in heard] == list(range(len(heard)))
    assert heard[0]["type"] == "execution.started"
    assert heard[-1]["execution"]["result"] == "6" and heard[-1]["execution"]["stdout"] == "working\n"
    assert session.run("print(x)")["stdout"] == "5\n"


def test_cancel(live, session):
    live.say(type="execute", id="long", container_id=session.id, code="print('begun', flush=True)\nwhile True: pass", timeout=60)
    live.until("execution.output")
    live.say(type="cancel", id="long")
    assert live.until("execution.completed")[-1]["execution"]["status"] == "interrupted"
    live.say(type="chat", id="c", message=ANALYST.format("print('begun', flush=True)\nwhile True: pass"))
    heard = live.until("execution.output")
    live.say(type="cancel", run_id=heard[0]["run_id"])
    assert live.until("run.cancelled")[-1]["run_id"] == heard[0]["run_id"]


def test_a_chat_that_waits_is_cancelled(fresh_server, provider):
    """It never begins: nothing of it is in the thread, nobody's model was asked, and who speaks is not disturbed."""
    gate = Gate()
    scripted = provider([Turn("one"), Turn(gate, "two"), Turn("four")])
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    with Live(server) as live, server.client() as client:
        live.say(type="chat", id="q1", message="first")
        thread = live.until("chat.completed")[-1]["thread_id"]
        live.say(type="chat", id="q2", message="second", thread_id=thread)
        assert gate.reached.wait(10)
        for waiting in ("q3", "q4"):
            live.say(type="chat", id=waiting, message=waiting, thread_id=thread)
        live.say(type="cancel", id="q3")
        assert live.until("chat.cancelled")[-1] == {"type": "chat.cancelled", "id": "q3"}
        live.say(type="cancel", id="q3")
        assert live.until("error")[-1]["error"]["code"] == "not_found"
        gate.open()
        assert [live.until("chat.completed")[-1]["id"] for _ in range(2)] == ["q2", "q4"]
        said = client.get(f"/api/thread/{thread}/messages").json()["messages"]
        assert [m["content"] for m in said] == ["first", "one", "second", "two", "q4", "four"]


def test_a_chat_is_cancelled_by_its_own_id(fresh_server, provider):
    gate = Gate()
    scripted = provider([Turn(gate, "never")])
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    with Live(server) as live:
        live.say(type="chat", id="q", message="x")
        assert gate.reached.wait(10)
        live.say(type="cancel", id="q")
        assert live.until("run.cancelled")[0]["id"] == "q"
        gate.open()


def test_code_that_waits_is_cancelled(live, session):
    live.say(type="execute", id="long", container_id=session.id, code="x = 1\n" + HELD, timeout=60)
    live.until("execution.started")
    live.say(type="execute", id="next", container_id=session.id, code="x = 2")
    live.say(type="cancel", id="next")
    assert live.hear() == {"type": "execution.cancelled", "id": "next"}
    session.release()
    assert live.until("execution.completed")[-1]["execution"]["status"] == "completed"
    assert session.run("x")["result"] == "1"


@pytest.mark.parametrize("message, code", [
    ({}, "missing_required_parameter"), ({"type": "dance"}, "invalid_value"), ({"type": "chat"}, "missing_required_parameter"),
    ({"type": "chat", "message": "x", "thread_id": "thread_no"}, "not_found"),
    ({"type": "chat", "message": "x", "model": "gpt-5"}, "provider_not_configured"),
    ({"type": "chat", "message": "x", "mesage": "y"}, "unknown_parameter"),
    ({"type": "execute", "container_id": "cntr_no", "code": "1"}, "not_found"),
    ({"type": "execute", "container_id": "../..", "code": "1"}, "not_found"),
    ({"type": "cancel", "run_id": "run_no"}, "not_found"), ({"type": "cancel"}, "not_found"),
    ({"type": "resume", "run_id": "x" * 65}, "invalid_value"), ({"type": "resume", "run_id": 7}, "invalid_type"),
])
def test_what_cannot_be_done_is_said(live, message, code):
    live.say(id="x", **message)
    heard = live.hear()
    assert heard["type"] == "error" and heard["id"] == "x", heard
    assert heard["error"]["code"] == code and heard["error"]["message"], heard


def test_what_is_no_json_is_said_and_the_connection_lives(live):
    for text in ("", "{", "[]", "7", '{"type": "chat", "type": "chat"}', "[" * 100):
        live.socket.send(text)
        heard = live.hear()
        assert heard["type"] == "error" and heard["id"] is None and heard["error"]["message"]
    live.say(type="chat", id="after", message="hello")
    live.until("run.completed")


def test_too_many_at_once(fresh_server, provider):
    gate = Gate()
    scripted = provider(lambda request: Turn(gate, "done"))
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    with Live(server) as live:
        for i in range(9):
            live.say(type="chat", id=f"n{i}", message="x")
        assert live.until("error")[-1]["error"]["code"] == "queue_full"
        gate.open()
        for _ in range(8):
            live.until("chat.completed")


def test_a_run_goes_on_without_its_client(fresh_server, provider):
    gate = Gate()
    scripted = provider([Turn(python("print('made by code')")), Turn(gate, "the end")])
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    with Live(server) as live:
        live.say(type="chat", id="x", message="go")
        begun = live.until("execution.completed")[0]
    assert gate.reached.wait(10)
    with Live(server) as other:
        other.say(type="resume", id="y", run_id=begun["run_id"], starting_after=-1)
        assert other.hear()["type"] == "run.started"
        gate.open()
        assert other.until("chat.completed")[-1]["message"] == "the end"
    with server.client() as client:
        said = client.get(f"/api/thread/{begun['thread_id']}/messages").json()["messages"]
        assert [m["content"] for m in said] == ["go", "the end"]


def test_a_server_that_stops_says_so(fresh_server):
    server = fresh_server("--default-environment", "base")
    with Live(server) as live:
        server.stop()
        with pytest.raises(ConnectionClosed) as closed:
            live.hear(10)
        assert closed.value.rcvd.code == 1001


# ---- who may ---------------------------------------------------------------------------------------------------

def test_pages_of_another_origin_are_refused(server):
    for origin in ("http://elsewhere.example", "null", f"http://127.0.0.1:{server.port + 1}"):
        with pytest.raises(InvalidStatus) as refused:
            Live(server, additional_headers={"Origin": origin})
        assert refused.value.response.status_code == 403
    with Live(server, additional_headers={"Origin": server.url}) as live:
        live.say(type="chat", message="hello")
        live.until("run.completed")


def test_keys(fresh_server, call):
    server = fresh_server("--default-environment", "base")
    keys = [json.loads(call("key", "create", "--name", n, "--project", n, "--state", server.state, "--json").stdout)
            for n in ("ann", "bob")]
    for headers in ({}, {"Authorization": "Bearer cl-wrong"}):
        with pytest.raises(InvalidStatus) as refused:
            Live(server, additional_headers=headers)
        assert refused.value.response.status_code == 401
    ann, bob = ({"Authorization": f"Bearer {key['key']}"} for key in keys)
    with Live(server, additional_headers=ann) as live, Live(server, additional_headers=bob) as other:
        live.say(type="chat", id="x", message="hello")
        run_id = live.until("run.completed")[0]["run_id"]
        other.say(type="resume", run_id=run_id)
        assert other.hear()["error"]["code"] == "not_found"
        call("key", "revoke", keys[1]["id"], "--state", server.state)
        with pytest.raises(ConnectionClosed) as closed:  # although nothing is asked any more
            other.hear()
        assert closed.value.rcvd.code == 1008
        live.say(type="chat", id="y", message="hello")
        live.until("run.completed")


def test_a_revoked_key_hears_no_more_of_its_own_run(fresh_server, provider, call):
    gate = Gate()
    scripted = provider([Turn(gate, "a secret")])
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    ann, backup = (json.loads(call("key", "create", "--name", n, "--project", "one", "--state", server.state, "--json").stdout)
                   for n in ("ann", "backup"))
    with Live(server, additional_headers={"Authorization": f"Bearer {ann['key']}"}) as live:
        live.say(type="chat", id="x", message="hello")
        assert gate.reached.wait(10)
        begun = live.hear()
        call("key", "revoke", ann["id"], "--state", server.state)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                live.hear()
        assert closed.value.rcvd.code == 1008
        gate.open()
    with server.client(headers={"Authorization": f"Bearer {backup['key']}"}) as client:  # and it went on

        def told():
            said = client.get(f"/api/thread/{begun['thread_id']}/messages").json()["messages"]
            return [m["content"] for m in said] == ["hello", "a secret"]
        wait_until(told, 20, "the answer")


# ---- frames by hand --------------------------------------------------------------------------------------------

class Raw:
    """A socket that has become a WebSocket."""

    def __init__(self, server, headers=None, early=b""):
        self.socket = socket.create_connection(("127.0.0.1", server.port), 20)
        fields = {"Host": f"127.0.0.1:{server.port}", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **(headers or {})}
        lines = [f"{k}: {v}" for k, v in fields.items() if v is not None]
        self.socket.sendall("\r\n".join(["GET /api/ws HTTP/1.1", *lines, "", ""]).encode() + early)
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            piece = self.socket.recv(1)
            if not piece:
                break
            self.head += piece
        self.status = int(self.head.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self):
        first, second = self.exactly(2)
        n = second & 0x7f
        n = struct.unpack("!H", self.exactly(2))[0] if n == 126 else struct.unpack("!Q", self.exactly(8))[0] if n == 127 else n
        return first & 0xf, self.exactly(n)

    def close_code(self):
        while True:
            opcode, data = self.frame()
            if opcode == 8:
                return struct.unpack("!H", data[:2])[0] if data else None


def frame(opcode, data=b"", fin=True, masked=True, rsv=0, length=None):
    n = len(data) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack("!H", n) if n < 1 << 16 else b"\x7f" + struct.pack("!Q", n)
    size = bytes([size[0] | (0x80 if masked else 0)]) + size[1:]
    return head + size + (b"\0\0\0\0" if masked else b"") + data


@pytest.mark.parametrize("headers", [
    {"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": "close"}, {"Sec-WebSocket-Version": "8"},
    {"Sec-WebSocket-Version": None}, {"Sec-WebSocket-Key": None}, {"Sec-WebSocket-Key": "short"}, {"Content-Length": "5"}])
def test_handshakes_that_are_none(server, headers):
    with Raw(server, headers) as raw:
        assert raw.status == 400
        assert b"sec-websocket-version: 13" in raw.head


def test_it_wants_a_websocket(client):
    answer = client.get("/api/ws")
    assert answer.status_code == 400 and "WebSocket" in answer.json()["detail"]


@pytest.mark.parametrize("bytes_, code", [
    (frame(1, b"{}", masked=False), 1002), (frame(1, b"{}", rsv=4), 1002), (frame(3, b"x"), 1002), (frame(0, b"x"), 1002),
    (frame(9, b"x" * 126), None), (frame(9, b"", fin=False), None), (frame(1, b"\xff\xfe"), 1007),
    (frame(2, b"binary"), 1003), (frame(1, b"x" * 9, length=(16 << 20) + 1), 1009), (frame(1, b"x" * 9, length=1 << 63), None),
    (frame(1, b"a", fin=False) + frame(1, b"b"), 1002), (frame(8, b"\x03"), None), (frame(8, struct.pack("!H", 1005)), 1002),
    (frame(8, struct.pack("!H", 1000)), 1000)],
    ids=["unmasked", "reserved bit", "reserved opcode", "lonely continuation", "long ping", "torn ping", "no utf-8", "binary",
         "too big", "negative length", "message in message", "short close", "forbidden close code", "goodbye"])
def test_hostile_frames_end_one_connection(server, client, bytes_, code):
    with Raw(server) as raw:
        assert raw.status == 101
        raw.socket.sendall(bytes_)
        assert raw.close_code() == code
    assert client.get("/healthz").status_code == 200


def test_frames_that_came_with_the_request_and_pings(server):
    with Raw(server, early=frame(9, b"are you there") + frame(1, b'{"type"', fin=False)) as raw:
        assert raw.frame() == (10, b"are you there")
        raw.socket.sendall(frame(9, b"!") + frame(0, b': "x"}'))
        assert raw.frame() == (10, b"!")
        opcode, data = raw.frame()
        assert opcode == 1 and json.loads(data)["error"]["code"] == "invalid_value"


def test_a_client_that_takes_nothing_stops_its_own_stream_only(server, session, client):
    with Raw(server) as raw:
        body = {"type": "execute", "container_id": session.id, "timeout": 60,
                "code": "for i in range(40): print('x' * 400_000)\nopen('/mnt/data/done', 'w').write('1')"}
        raw.socket.sendall(frame(1, json.dumps(body).encode()))
        raw.exactly(2)  # it has begun; nothing more is read
        assert client.post("/v1/execute", json={"code": "print(1)", "environment": "base"}).json()["stdout"] == "1\n"
    # with the client gone the code goes on to its end
    wait_until(lambda: "/mnt/data/done" in session.files(), 30)


def test_a_client_that_takes_nothing_does_not_hold_off_the_time_limit(server, session):
    with Raw(server) as raw:
        raw.socket.sendall(frame(1, json.dumps({"type": "execute", "container_id": session.id, "timeout": 2,
                                                "code": "while True: print('x' * 65535)"}).encode()))
        raw.frame()  # it has begun; nothing more is read
        # waits for its turn: without an end of the first, for the half minute that a client may take nothing
        answer = session.client.post(f"{session.path}/execute", json={"code": "1 + 1"}, timeout=60 * machine.patience())
        assert answer.json()["result"] == "2"
        # that half minute ends a connection; this one lives, and what it is told last is that the time was over
        event = {"type": ""}
        while event["type"] != "execution.completed":
            opcode, data = raw.frame()
            assert opcode == 1, data
            event = json.loads(data)
        assert event["execution"]["status"] == "timeout"


def test_pings_without_end_are_not_kept(server):
    """What answers them waits in memory: beyond a bound nothing more is read."""
    with Raw(server) as raw:
        raw.socket.settimeout(2)
        flood, sent = frame(9, b"x" * 125) * 1000, 0
        with pytest.raises(TimeoutError):
            while sent < 64 << 20:
                sent += raw.socket.send(flood)
        assert sent < 64 << 20

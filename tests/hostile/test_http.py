"""Hostile HTTP, byte by byte: one clear 4xx, the connection closed, never a second answer.

The rule under test: no hostile request is ever answered twice or desynchronises a connection.
"""
import json
import socket
import threading
import time

import pytest

from support import wire
from support.api import error_of
from support.machine import wait_until

HOST = b"Host: 127.0.0.1\r\n"
# What a smuggler hopes to have answered as a second request.
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def post(*fields, body=b"", path=b"/v1/containers"):
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    return head + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def get(*fields, path=b"/healthz", version=b"HTTP/1.1"):
    return b"GET " + path + b" " + version + b"\r\n" + HOST + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(SMUGGLED)

REFUSED = {
    "length and chunked": post(b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunked and length": post(CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths that differ": post(b"Content-Length: 2", LENGTH, body=b"{}" + SMUGGLED),
    "two lengths that agree": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}" + SMUGGLED),
    "a list of lengths": post(b"Content-Length: 2, 2", body=b"{}" + SMUGGLED),
    "a signed length": post(b"Content-Length: +2", body=b"{}" + SMUGGLED),
    "a negative length": post(b"Content-Length: -2", body=b"{}" + SMUGGLED),
    "a hexadecimal length": post(b"Content-Length: 0x2", body=b"{}" + SMUGGLED),
    "an empty length": post(b"Content-Length:", body=b"{}" + SMUGGLED),
    "a length of words": post(b"Content-Length: two", body=b"{}" + SMUGGLED),
    "a length with a space inside": post(b"Content-Length: 1 2", body=b"{}" + SMUGGLED),
    "a length beyond 64 bits": post(b"Content-Length: 18446744073709551618", body=b"{}" + SMUGGLED),
    "an unknown encoding": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked, then identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SMUGGLED),
    "identity": post(b"Transfer-Encoding: identity", body=b"0\r\n\r\n" + SMUGGLED),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunked with a vertical tab": post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + SMUGGLED),
    "chunked in HTTP/1.0": post(CHUNKED, body=b"0\r\n\r\n" + SMUGGLED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "a space before the colon": post(b"Content-Length : 2", body=b"{}" + SMUGGLED),
    "a tab before the colon": post(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a folded line": get(b"X-Folded: one\r\n two"),
    "a folded encoding": post(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "a first line that begins with a space": b"GET /healthz HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n",
    "a bare CR in a value": get(b"X-Bare: one\rContent-Length: 30"),
    "a bare CR after a name": get(b"X-Bare\r: one"),
    "a NUL in a value": get(b"X-Nul: one\x00two"),
    "a NUL in a name": get(b"X\x00Nul: one"),
    "a control character in a name": get(b"X\x01: one"),
    "a field without a colon": get(b"nothing"),
    "a field without a name": get(b": value"),
    "a NUL in the path": get(path=b"/healthz\x00"),
    "an encoded NUL in the path": get(path=b"/healthz%00"),
    "half an encoding in the path": get(path=b"/healthz%2"),
    "no hexadecimal digits in the path": get(path=b"/healthz%zz"),
    "a space in the path": get(path=b"/health z"),
    "two Hosts": get(b"Host: 127.0.0.1"),
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a chunk size beyond 64 bits": post(CHUNKED, body=b"10000000000000002\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk size with a sign": post(CHUNKED, body=b"+2\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a negative chunk size": post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk size with 0x": post(CHUNKED, body=b"0x2\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "an empty chunk size": post(CHUNKED, body=b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk longer than it says": post(CHUNKED, body=b"2\r\n{}xx\r\n0\r\n\r\n" + SMUGGLED),
    "a chunk line that ends in a bare LF": post(CHUNKED, body=b"2\n{}\r\n0\r\n\r\n" + SMUGGLED),
    "an unknown version": get(version=b"HTTP/9.9"),
    "no version": b"GET /healthz\r\n\r\n",
    "a version in small letters": get(version=b"http/1.1"),
    "not HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "a method that is no token": b"G@T /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a head of 40 KiB": get(b"X-Long: " + b"a" * 40960),
    "a path of 40 KiB": get(path=b"/" + b"a" * 40960),
    "a hundred and twenty fields": get(*[b"X-%d: y" % n for n in range(120)]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_once_and_closed(server, name):
    raw = wire.exchange(server, REFUSED[name])
    answers = wire.replies(raw)
    assert len(answers) == 1, raw[:600]
    assert 400 <= answers[0].status < 500 or answers[0].status in (501, 505), raw[:300]
    if answers[0].body:
        error = json.loads(answers[0].body)["error"]
        assert error["code"] and error["message"]


def test_two_honest_requests_on_one_connection(server):
    with wire.connect(server) as connection:
        connection.sendall(get() + get(b"Connection: close"))
        answers = wire.replies(wire.read_all(connection))
    assert [a.status for a in answers] == [200, 200]


def test_chunked_body_with_extension_and_trailer_is_read_to_its_end(server):
    body = b'2;name="a;b"\r\n{"\r\n8\r\nname":1}\r\n0\r\nX-Trailer: y\r\n\r\n'
    with wire.connect(server) as connection:
        connection.sendall(post(CHUNKED, body=body) + get(b"Connection: close"))
        answers = wire.replies(wire.read_all(connection))
    assert [a.status for a in answers] == [400, 200]
    assert json.loads(answers[0].body)["error"]["code"] == "invalid_type"


def test_a_trailer_does_not_become_a_header(server):
    body = b"2\r\n{}\r\n0\r\nContent-Length: 4\r\nHost: elsewhere\r\n\r\n"
    with wire.connect(server) as connection:
        connection.sendall(post(CHUNKED, body=body) + get(b"Connection: close"))
        answers = wire.replies(wire.read_all(connection))
    assert 1 <= len(answers) <= 2
    assert all(a.status in (200, 400) for a in answers)


def test_ten_gigabytes_announced_are_refused_before_they_come(server):
    for path in (b"/v1/containers", b"/v1/files", b"/v1/execute"):
        answers = wire.replies(wire.exchange(server, post(b"Content-Length: 10737418240", path=path, body=b"{")))
        assert [a.status for a in answers] == [413]
        assert json.loads(answers[0].body)["error"]["code"] == "payload_too_large"


def test_ten_gigabytes_with_expect_are_refused_without_a_continue(server):
    request = post(b"Content-Length: 10737418240", b"Expect: 100-continue")
    assert [a.status for a in wire.replies(wire.exchange(server, request))] == [413]


def test_expect_continue_is_answered(server):
    with wire.connect(server) as connection:
        connection.sendall(post(b"Content-Length: 2", b"Expect: 100-continue", b"Connection: close"))
        interim = connection.recv(4096)
        assert interim.startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert wire.replies(wire.read_all(connection))[0].status == 400  # name is missing


def test_endless_chunks_stop_at_the_limit(server):
    with wire.connect(server, timeout=60) as connection:
        connection.sendall(post(CHUNKED))
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            for _ in range(400):  # 25 MiB, above the 16 that JSON may have
                connection.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answers = wire.replies(wire.read_all(connection))
    assert not answers or answers[0].status == 413


def test_a_foreign_host_is_refused(server):
    answers = wire.replies(wire.exchange(
        server, b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
    assert [a.status for a in answers] == [403]


def test_a_foreign_origin_is_refused(server):
    answers = wire.replies(wire.exchange(
        server, post(b"Origin: http://evil.example", b"Content-Length: 2", b"Connection: close", body=b"{}")))
    assert [a.status for a in answers] == [403]


def test_half_close_still_gets_its_answer(server):
    body = json.dumps({"code": "import time; time.sleep(0.3); print('late')", "environment": "base"}).encode()
    with wire.connect(server, timeout=30) as connection:
        connection.sendall(post(b"Content-Length: %d" % len(body), b"Connection: close", path=b"/v1/execute", body=body))
        connection.shutdown(socket.SHUT_WR)
        answers = wire.replies(wire.read_all(connection))
    assert len(answers) == 1 and answers[0].status == 200
    assert json.loads(answers[0].body)["stdout"] == "late\n"


def test_a_request_cut_short_is_dropped(server, client):
    with wire.connect(server) as connection:
        connection.sendall(post(b"Content-Length: 100", body=b'{"name": "cut'))
        connection.shutdown(socket.SHUT_WR)
        answers = wire.replies(wire.read_all(connection))
    assert all(a.status == 400 for a in answers)
    names = [c["name"] for c in client.get("/v1/containers", params={"limit": 100}).json()["data"]]
    assert "cut" not in names


def test_slow_loris_starves_nobody(server, client):
    """Two hundred clients that send a byte now and then: cut off at ten seconds, others unharmed."""
    crowd = [wire.connect(server, timeout=30) for _ in range(200)]
    begun = time.monotonic()
    closed = 0
    try:
        for connection in crowd:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            connection.setblocking(False)
        open_ones = list(crowd)
        slowest = 0.0
        while open_ones and time.monotonic() - begun < 40:
            asked = time.monotonic()
            assert client.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
            for connection in list(open_ones):
                try:
                    connection.send(b"a")
                    while connection.recv(4096):
                        pass
                    open_ones.remove(connection)
                except BlockingIOError:
                    continue
                except OSError:
                    open_ones.remove(connection)
            threading.Event().wait(0.25)  # the pace of the attack, not a wait for anything
        closed = len(crowd) - len(open_ones)
        assert closed == len(crowd), f"{len(open_ones)} slow clients are still served after 40 s"
        assert slowest < 5  # of the ten that the crowd had
    finally:
        for connection in crowd:
            connection.close()


def test_idle_crowd_starves_nobody(server, client):
    crowd = [wire.connect(server) for _ in range(500)]
    try:
        begun = time.monotonic()
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - begun < 5
    finally:
        for connection in crowd:
            connection.close()


def test_vanishing_client_does_not_end_a_sessions_execution(server, session):
    body = json.dumps({"code": "import time\nfor i in range(5):\n    print(i, flush=True); time.sleep(0.1)\nleft = 1",
                       "stream": True}).encode()
    connection = wire.connect(server, timeout=30)
    path = f"{session.path}/execute".encode()
    connection.sendall(post(b"Content-Length: %d" % len(body), path=path, body=body))
    assert b"200" in connection.recv(64)
    wire.reset(connection)

    def last():
        found = session.client.get(f"{session.path}/executions").json()["data"]
        return found and found[0]["status"] == "completed" and found[0]

    execution = wait_until(last, 10, "the stored execution")
    assert execution["stdout"] == "0\n1\n2\n3\n4\n"
    assert session.run("print(left)")["stdout"] == "1\n"


def test_vanishing_client_ends_a_stateless_execution(server):
    marker = "98765.4321"
    code = f"import subprocess; subprocess.run(['sleep', '{marker}'])"
    body = json.dumps({"code": code, "environment": "base", "timeout": 60}).encode()
    connection = wire.connect(server, timeout=30)
    connection.sendall(post(b"Content-Length: %d" % len(body), path=b"/v1/execute", body=body))
    from support import machine

    wait_until(lambda: machine.marked(marker), 10, "the start of the stateless execution")
    wire.reset(connection)
    wait_until(lambda: not machine.marked(marker), 5, "the end of the stateless execution")


def test_vanishing_clients_in_numbers_leave_nothing(server, client):
    process = server.server_process()
    import os

    def descriptors():
        return len(os.listdir(f"/proc/{process.pid}/fd"))

    before = descriptors()
    for round_ in range(300):
        connection = wire.connect(server)
        connection.sendall(post(b"Content-Length: 1000", body=b"{")[: 20 + round_ % 100])
        wire.reset(connection)
    wait_until(lambda: descriptors() <= before + 4, 15, "the end of the vanished clients' descriptors")
    assert client.get("/healthz").status_code == 200


DEEP = {
    "array": "[" * 100_000 + "]" * 100_000,
    "array without its end": "[" * 100_000,
    "object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "in metadata": '{"name": "x", "metadata": ' + '{"a":' * 70 + "1" + "}" * 70 + "}",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_json_is_refused(client, name):
    answer = client.post("/v1/containers", content=DEEP[name], headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_json"


BAD_JSON = {
    "empty": b"", "half": b'{"name": "x"', "trailing": b'{"name": "x"} {}', "not UTF-8": b'{"name": "\xff"}',
    "lone surrogate": b'{"name": "\\ud800"}', "NaN": b'{"name": NaN}', "duplicate key": b'{"name": "a", "name": "b"}',
    "a number too large": b'{"name": 1e999}', "a comment": b'{"name": "x"} // why', "an array": b"[]", "null": b"null",
    "a NUL": b'{"name": "\x00"}',
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_malformed_json_is_refused(client, name):
    answer = client.post("/v1/execute", content=BAD_JSON[name], headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["code"] in ("invalid_json", "invalid_type", "invalid_value", "missing_required_parameter")


def test_every_refusal_left_the_server_well(server, client):
    assert server.process.poll() is None
    assert client.get("/healthz").json()["status"]
    assert client.post("/v1/execute", json={"code": "print(6 * 7)", "environment": "base"}).json()["stdout"] == "42\n"

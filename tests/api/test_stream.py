"""Streamed executions: server-sent events in order, and nothing after the last."""
import json
import socket

import pytest

from support import clock, machine
from support.api import HELD, Running, Session, error_of, events, lines


def test_the_events(session):
    found = list(session.stream("print('one')\nimport time; time.sleep(0.3)\nprint('two')\n3"))
    names = [name for name, _ in found]
    assert names[0] == "execution.started" and names[-1] == "execution.completed"
    assert set(names[1:-1]) == {"execution.output"}
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    assert all(name == data["type"] for name, data in found)
    started, completed = found[0][1]["execution"], found[-1][1]["execution"]
    assert started["status"] is None and started["id"] == completed["id"] and completed["status"] == "completed"
    assert all(data["execution_id"] == started["id"] for _, data in found[1:-1])
    outputs = [data["output"] for _, data in found[1:-1]]
    assert "".join(o["text"] for o in outputs if o["type"] == "stdout") == completed["stdout"] == "one\ntwo\n"
    assert outputs[-1] == {"type": "execute_result", "data": {"text/plain": "3"}, "metadata": {}}


def test_raw_framing(session):
    body = {"code": "print(1)", "stream": True}
    with session.client.stream("POST", f"{session.path}/execute", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers.get("cache-control", "")
        raw = answer.read().decode()
    assert "[DONE]" not in raw and raw.endswith("\n\n")
    for block in raw.strip().split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith(":"):
            continue
        assert len(lines) == 2 and lines[0].startswith("event: ") and lines[1].startswith("data: ")
        assert json.loads(lines[1][6:])["type"] == lines[0][7:]


def test_output_comes_while_the_code_runs(session):
    told = []
    for name, data in session.stream("print('early', flush=True)\n" + HELD + "'late'"):
        told.append(name)
        if told.count("execution.output") == 1 and name == "execution.output":
            assert data["output"]["text"] == "early\n"
            session.release()
    assert told == ["execution.started", "execution.output", "execution.output", "execution.completed"]


def test_errors_before_the_stream_are_plain(session, client):
    answer = client.post("/v1/containers/cntr_none/execute", json={"code": "1", "stream": True})
    assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"
    answer = client.post(f"{session.path}/execute", json={"stream": True})
    assert answer.status_code == 400 and error_of(answer)["code"] == "missing_required_parameter"


def test_an_exception_streams_as_output_and_completes(session):
    found = list(session.stream("1 / 0"))
    assert found[-1][0] == "execution.completed" and found[-1][1]["execution"]["status"] == "error"
    assert found[-2][1]["output"]["type"] == "error" and found[-2][1]["output"]["name"] == "ZeroDivisionError"


def test_line_breaks_never_leave_their_event(session):
    found = list(session.stream(r"print('data: x\n\nevent: execution.completed\ndata: {}\r\n\u2028 end')"))
    assert [name for name, _ in found].count("execution.completed") == 1
    assert found[-1][1]["execution"]["stdout"] == "data: x\n\nevent: execution.completed\ndata: {}\r\n\u2028 end\n"


def test_a_client_that_goes_away_does_not_end_a_session(session):
    session.run("done = 0")
    with session.client.stream("POST", f"{session.path}/execute",
                               json={"code": "print('begun', flush=True)\n" + HELD + "done = 1", "stream": True}) as answer:
        for name, _ in events(answer):
            if name == "execution.output":
                break
    session.release()
    assert session.run("done")["result"] == "1"
    listed = session.client.get(f"{session.path}/executions").json()["data"]
    assert [entry["status"] for entry in listed] == ["completed"] * 3


def test_a_queued_one_whose_client_goes_is_dropped(session, server):
    session.run("import time; ran = []")
    slow = Running(server, session, "time.sleep(4)")
    with pytest.raises(Exception):
        with server.client(timeout=0.5) as client:
            client.post(f"{session.path}/execute", json={"code": "ran.append(1)", "stream": True})
    slow.join()
    assert session.run("ran")["result"] == "[]"


def test_input_over_a_stream(session, server):
    prompts, done = [], None
    for name, data in session.stream("name = input('Who? ')\nprint('Hello', name)\nimport getpass\nsecret = getpass.getpass('Key: ')\nlen(secret)"):
        if name == "execution.input_requested":
            prompts.append((data["prompt"], data["password"]))
            assert data["execution_id"].startswith("exec_")
            with server.client() as other:
                answer = other.post(f"{session.path}/input", json={"text": "Zoë" if len(prompts) == 1 else "1234"})
                assert answer.json() == {"accepted": True}
        if name == "execution.completed":
            done = data["execution"]
    assert prompts == [("Who? ", False), ("Key: ", True)]
    assert "Hello Zoë" in done["stdout"] and done["result"] == "4"


@pytest.mark.root  # the clock is moved from outside
def test_keep_alive_comments(fresh_server):
    """One for each quarter of a minute in which nothing else is said."""
    server = fresh_server()
    with server.client() as client:
        session = Session(client, environment="base")
        body = {"code": "print('begun', flush=True)\n" + HELD, "stream": True, "timeout": 100}
        with client.stream("POST", f"{session.path}/execute", json=body) as answer:
            told = lines(answer)
            assert next(line for line in told if "begun" in line)
            for _ in range(2):
                clock.advance(server, 14)
                assert session.retrieve().status_code == 200
                clock.advance(server, 2)
                assert next(line for line in told if line.startswith(":")) == ": keep-alive"
            session.release()
            assert not [line for line in told if line.startswith(":")]


@pytest.mark.parametrize("end", ["timeout", "interrupt"])
def test_a_client_that_reads_nothing_holds_its_code_back_and_not_its_end(session, end):
    url = session.client.base_url
    body = json.dumps({"code": "while True: print('x' * 65535)", "stream": True,
                       "timeout": 2 if end == "timeout" else 60}).encode()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(60)
        reader.connect((url.host, url.port))
        reader.sendall(f"POST {session.path}/execute HTTP/1.1\r\nhost: {url.host}:{url.port}\r\n"
                       f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
                       "connection: close\r\n\r\n".encode() + body)
        start = reader.recv(400)  # it runs
        assert start.startswith(b"HTTP/1.1 200 "), start
        if end == "interrupt":
            assert session.client.post(f"{session.path}/interrupt").status_code == 200
        # waits for its turn: without an end of the first, for the half minute that a client may take nothing
        answer = session.client.post(f"{session.path}/execute", json={"code": "1 + 1"}, timeout=25 * machine.patience())
        assert answer.json()["result"] == "2"
        rest = b"".join(iter(lambda: reader.recv(1 << 20), b""))  # late, but whole
    last = rest[rest.rindex(b"data: ") + 6:]
    status = "timeout" if end == "timeout" else "interrupted"
    assert b'"type":"execution.completed"' in last and f'"status":"{status}"'.encode() in last
    assert rest.endswith(b"\r\n0\r\n\r\n")


def test_metadata_of_many_small_values_ends_no_interpreter(session):
    """What the kernel sends, the server takes: 64 Ki characters hold more values than characters."""
    session.run("kept = 1\nfrom IPython.display import display")
    found = session.run("display({'text/plain': 'x'}, raw=True, metadata={'a': [[]] * 21000})\nkept")
    assert found["status"] == "completed" and found["result"] == "1"
    shown = next(o for o in found["outputs"] if o["type"] == "display_data")
    assert len(shown["metadata"]["a"]) == 21000

"""What one does to code that runs: answer it, stop it, start over."""
import threading
import time

import pytest

from support.api import error_of


@pytest.fixture
def background(server):
    """background(session, code): runs it in a thread; join() gives the execution."""
    class Running:
        def __init__(self, session, code, **fields):
            self.answer = None
            self.session, self.body = session, {"code": code, **fields}
            self.thread = threading.Thread(target=self.run)
            self.thread.start()

        def run(self):
            with server.client() as client:
                self.answer = client.post(f"{self.session.path}/execute", json=self.body)

        def join(self):
            self.thread.join(30)
            assert self.answer is not None and self.answer.status_code == 200, self.answer and self.answer.text
            return self.answer.json()
    return Running


def interrupt(session):
    """Until something was there to interrupt."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer = session.client.post(f"{session.path}/interrupt").json()
        if answer["interrupted"]:
            return answer
        time.sleep(0.02)
    raise AssertionError("nothing to interrupt")


def test_interrupt_keeps_state(session, background):
    session.run("import time; x = 1")
    running = background(session, "time.sleep(60)")
    answer = interrupt(session)
    done = running.join()
    assert done["status"] == "interrupted" and done["state"] == "kept" and answer["execution_id"] == done["id"]
    assert session.run("x")["result"] == "1"


def test_nothing_to_interrupt(session):
    session.run("1")
    assert session.client.post(f"{session.path}/interrupt").json() == {"interrupted": False, "execution_id": None}


def test_interrupt_of_code_that_does_not_listen(session, background):
    session.run("x = 1")
    running = background(session, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", timeout=60)
    time.sleep(0.5)
    interrupt(session)
    done = running.join()
    assert done["status"] in ("interrupted", "killed") and done["state"] == "reset"
    assert session.run("1 + 1")["result"] == "2"


def test_input_when_nobody_asks(session):
    session.run("1")
    answer = session.client.post(f"{session.path}/input", json={"text": "x"})
    assert answer.status_code == 400 and error_of(answer)["code"] == "not_waiting"


@pytest.mark.parametrize("body, code", [({}, "missing_required_parameter"), ({"text": 5}, "invalid_type"), ({"txt": "x"}, "unknown_parameter"),
                                        ({"text": "a\0b"}, "invalid_value")])
def test_bad_input(session, body, code):
    answer = session.client.post(f"{session.path}/input", json=body)
    assert answer.status_code == 400 and error_of(answer)["code"] == code


def test_input_without_a_stream_is_the_end_of_file(session):
    assert session.run("input()", expect="error")["error"]["name"] == "EOFError"


def test_restart(session):
    session.run("x = 1; open('kept', 'w').write('x')")
    answer = session.client.post(f"{session.path}/restart")
    assert answer.status_code == 200 and answer.json()["id"] == session.id and answer.json()["object"] == "container"
    assert session.run("x", expect="error")["error"]["name"] == "NameError"
    assert session.run("open('kept').read()")["result"] == "'x'"


def test_restart_kills_what_runs(session, background):
    session.run("import time")
    running = background(session, "time.sleep(60)")
    time.sleep(0.5)
    assert session.client.post(f"{session.path}/restart").status_code == 200
    assert running.join()["status"] == "killed"
    assert session.run("1 + 1")["result"] == "2"


def test_posts_without_a_body(session, server):
    """curl -X POST sends neither Content-Length nor a body."""
    from support import wire
    for path in ("interrupt", "restart"):
        raw = wire.exchange(server, f"POST {session.path}/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert wire.replies(raw)[0].status == 200

"""What one does to code that runs: answer it, stop it, start over."""
import functools

import pytest

from support.api import Running, brief, error_of


@pytest.fixture
def background(server):
    """background(session, code): it has begun; join() gives the execution."""
    return functools.partial(Running, server)


def interrupt(session):
    answer = session.client.post(f"{session.path}/interrupt").json()
    assert answer["interrupted"], "nothing to interrupt"
    return answer


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
    session.run("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 1")
    running = background(session, "while True: pass", timeout=60)
    interrupt(session)
    done = running.join()
    assert done["status"] in ("interrupted", "killed") and done["state"] == "reset"
    assert session.run("1 + 1")["result"] == "2"


ASKS = "x = 41\nname = input('Who? ')\nprint('never', name)"


def test_interrupt_while_input_waits_keeps_state(session):
    """A notebook's stop button at a prompt: KeyboardInterrupt where input() stands, variables kept."""
    for name, data in session.stream(ASKS):
        if name == "execution.input_requested":
            assert interrupt(session)["execution_id"] == data["execution_id"]
    done = data["execution"]
    assert done["status"] == "interrupted" and done["state"] == "kept" and done["stdout"] == "", brief(done)
    assert done["error"]["name"] == "KeyboardInterrupt" and done["duration_ms"] < 2000, brief(done)
    assert "name = input('Who? ')" in "".join(done["error"]["traceback"])
    answer = session.client.post(f"{session.path}/input", json={"text": "late"})
    assert error_of(answer)["code"] == "not_waiting"
    assert session.run("x + 1")["result"] == "42"


def test_timeout_while_input_waits_keeps_state(session):
    *_, (_, data) = session.stream(ASKS, timeout=1)
    done = data["execution"]
    assert done["status"] == "timeout" and done["state"] == "kept" and 1000 <= done["duration_ms"] < 3000, brief(done)
    assert session.run("x + 1")["result"] == "42"


def test_interrupt_while_a_password_is_asked(session):
    for name, data in session.stream("import getpass\nx = 41\ngetpass.getpass()"):
        if name == "execution.input_requested":
            interrupt(session)
    assert (data["execution"]["status"], data["execution"]["state"]) == ("interrupted", "kept"), brief(data["execution"])
    assert session.run("x")["result"] == "41"


def test_code_that_asks_again_after_an_interrupt_is_not_answered(session):
    """Nobody is asked a second time: the code has its grace to end, and no prompt stays open."""
    asked, code = 0, "x = 41\ntry: input('one? ')\nexcept KeyboardInterrupt: print('once')\ninput('two? ')"
    for name, data in session.stream(code):
        if name == "execution.input_requested":
            asked += 1
            interrupt(session)
    done = data["execution"]
    assert asked == 1 and done["status"] == "interrupted" and done["state"] == "kept", brief(done)
    assert done["stdout"] == "once\n" and session.run("x")["result"] == "41"


def test_interrupt_at_input_leaves_nothing_for_the_next_prompt(session, server):
    """However the interrupt and the answer cross, the next execution's input() gets its own line."""
    for attempt in range(10):
        for name, _ in session.stream("input('a? ')"):
            if name == "execution.input_requested":
                if attempt % 2:
                    session.client.post(f"{session.path}/input", json={"text": "stale"})
                session.client.post(f"{session.path}/interrupt")
        for name, data in session.stream("input('b? ')"):
            if name == "execution.input_requested":
                answer = session.client.post(f"{session.path}/input", json={"text": "fresh"})
                assert answer.json() == {"accepted": True}
        assert data["execution"]["result"] == "'fresh'" and data["execution"]["state"] == "kept", brief(data["execution"])


def test_interrupt_at_input_of_code_that_ignores_signals(session):
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 41\ninput()"
    for name, data in session.stream(code):
        if name == "execution.input_requested":
            interrupt(session)
    assert (data["execution"]["status"], data["execution"]["state"]) == ("interrupted", "kept"), brief(data["execution"])
    assert session.run("x")["result"] == "41"


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
    assert session.client.post(f"{session.path}/restart").status_code == 200
    assert running.join()["status"] == "killed"
    assert session.run("1 + 1")["result"] == "2"


def test_posts_without_a_body(session, server):
    """curl -X POST sends neither Content-Length nor a body."""
    from support import wire
    for path in ("interrupt", "restart"):
        raw = wire.exchange(server, f"POST {session.path}/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert wire.replies(raw)[0].status == 200

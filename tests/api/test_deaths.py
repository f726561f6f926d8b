"""How an end is told: whoever lost something reads in a sentence what ended it, and what is lost."""
import os
import signal
import threading

import pytest

from support import machine
from support.api import Session, brief, error_of

FAILED = "Its sandbox in the environment 'base' failed; files and variables are lost."
ENVIRONMENT_FAILED = "The environment 'base' failed, and every container in it ended; files and variables are lost."


@pytest.mark.parametrize("code, note", [
    ("import os; os._exit(7)", "The interpreter process ended itself with exit code 7."),
    ("import os; os.kill(os.getpid(), 9)", "The interpreter process was ended by signal 9 (Killed)."),
    ("import ctypes; ctypes.string_at(0)", "The interpreter process was ended by signal 11 (Segmentation fault)."),
    ("import os; os.abort()", "The interpreter process was ended by signal 6 (Aborted)."),
])
def test_an_interpreter_that_ended_itself(session, code, note):
    execution = session.run(code, expect="killed")
    assert execution["notes"] == [note] and execution["state"] == "reset", brief(execution)
    again = session.run("1 + 1")
    assert again["notes"] == [] and again["state"] == "kept"  # nobody is told twice


@pytest.mark.limits
def test_an_interpreter_out_of_memory(session):
    limit = session.retrieve().json()["usage"]["memory_limit_bytes"] >> 20
    execution = session.run("x = []\nwhile True: x.append(bytearray(1 << 24))", expect="out_of_memory", timeout=60)
    assert execution["notes"] == [f"The interpreter was killed because the session's memory limit of {limit} MiB was reached."]


@pytest.mark.root
def test_an_interpreter_killed_while_idle(session):
    session.run("x = 1")
    inside = machine.in_pid_namespace(session.pid_namespace())
    kernel = next(p for p in inside if p.name != "cloche-init")
    os.kill(kernel.pid, signal.SIGKILL)
    machine.wait_until(lambda: not kernel.alive(), 5, "the kernel's end")
    execution = session.run("1 + 1", expect=None)
    if execution["status"] == "completed":  # it began after the news
        assert execution["state"] == "reset" and execution["notes"] == [
            "Before this execution: The interpreter process was ended by signal 9 (Killed). Variables were lost."], brief(execution)
    else:
        assert execution["notes"] == ["The interpreter process was ended by signal 9 (Killed)."], brief(execution)


def init_of(server, session):
    inside = machine.in_pid_namespace(session.pid_namespace())
    return next(p for p in inside if p.name == "cloche-init")


def warden_of(server, session):
    init = init_of(server, session)
    return next(p for p in server.named("warden") if p.pid == init.parent)


@pytest.mark.root
@pytest.mark.parametrize("victim, why", [(init_of, FAILED), (warden_of, ENVIRONMENT_FAILED)])
@pytest.mark.parametrize("running", [True, False], ids=["running", "idle"])
def test_a_sandbox_that_failed(fresh_server, victim, why, running):
    server = fresh_server()
    with server.client() as client, server.client() as other:
        session, found = Session(client, environment="base"), {}
        process = victim(server, session)
        thread = threading.Thread(target=lambda: found.update(session.run("import time; time.sleep(60)", expect=None)))
        if running:
            thread.start()
            machine.wait_until(lambda: other.get(f"{session.path}/variables").json().get("stale"), 10, "the execution's beginning")
        os.kill(process.pid, signal.SIGKILL)
        if running:
            thread.join(20)
            assert (found["status"], found["state"], found["notes"]) == ("killed", "reset", [why]), brief(found)
        machine.wait_until(lambda: other.get(session.path).json()["status"] == "expired", 10, "the container's expiry")
        assert other.get(session.path).json()["status_reason"] == why
        answer = other.post(f"{session.path}/execute", json={"code": "1"})
        error = error_of(answer)
        assert answer.status_code == 400 and error["code"] == "container_expired" and error["message"] == f"Container is expired. {why}"


@pytest.mark.parametrize("end, note", [("restart", "The session was restarted."), ("delete", "The session was deleted.")])
def test_an_end_that_was_asked_for(session, server, end, note):
    found = {}
    thread = threading.Thread(target=lambda: found.update(session.run("import time; time.sleep(60)", expect=None)))
    thread.start()
    with server.client() as other:
        machine.wait_until(lambda: other.get(f"{session.path}/variables").json().get("stale"), 10, "the execution's beginning")
        answer = other.post(f"{session.path}/restart") if end == "restart" else other.delete(session.path)
        assert answer.status_code == 200
    session.deleted = end == "delete"
    thread.join(20)
    assert found["status"] == "killed" and found["notes"] == [note], brief(found)


@pytest.mark.root
@pytest.mark.parametrize("kernel", ["dead", "interrupted"])
def test_a_stall_of_init_costs_no_session(fresh_server, kernel):
    """On a machine that is busy enough init does not run for seconds: it is late then, and not lost."""
    server = fresh_server()
    with server.client() as client, server.client() as other:
        session, found = Session(client, environment="base"), {}
        session.run("open('f.txt', 'w').write('kept')")
        init = init_of(server, session)
        code = "import time\nwhile True: time.sleep(0.01)"
        if kernel == "dead":
            session.run("import os; os._exit(1)", expect="killed")
            code = "open('f.txt').read()"
        os.kill(init.pid, signal.SIGSTOP)
        thread = threading.Thread(target=lambda: found.update(session.run(code, expect=None, timeout=100)))
        thread.start()
        if kernel == "interrupted":
            machine.wait_until(lambda: other.get(f"{session.path}/variables").json().get("stale"), 10, "the execution's beginning")
            assert other.post(f"{session.path}/interrupt").status_code == 200
        threading.Event().wait(2.5)  # the stall itself, and not a wait for anything
        os.kill(init.pid, signal.SIGCONT)
        thread.join(60)
        wanted = ("completed", "'kept'") if kernel == "dead" else ("interrupted", None)
        assert (found["status"], found["result"]) == wanted, brief(found)
        assert session.run("open('f.txt').read()")["result"] == "'kept'"

"""A crowd: sessions that take memory up to a limit, their own or that over all, on a server that is then full."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import machine
from support.api import Session, brief, error_of

SESSIONS = 100
# Half of the limit is held by the kernel that lives on, so that all hold theirs at the same time. The child then takes
# what is left and more, and is what Linux ends.
HOLD = "held = b'x' * (20 << 20)\nprint(len(held))"
EAT = """
import os
pid = os.fork()
if pid == 0:
    kept = []
    while True:
        kept.append(b'x' * (1 << 20))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.limits
@pytest.mark.timeout(300)
def test_a_hundred_that_eat_to_their_limit_end_nobody_else(fresh_server):
    server = fresh_server("--max-sessions", str(SESSIONS))
    family = [server.process.pid, server.server_process().pid, *(p.pid for p in server.named("warden"))]
    clients = threading.local()

    def client():
        if not hasattr(clients, "own"):
            clients.own = server.client()
        return clients.own

    def made(_):
        session = Session(client(), environment="base", memory_limit="64m")
        return session, session.run(HOLD)["stdout"]

    def eaten(session):
        session.client = client()
        return session.run(EAT, timeout=60, expect=None)

    with ThreadPoolExecutor(8) as pool:
        sessions = [session for session, said in pool.map(made, range(SESSIONS)) if said == f"{20 << 20}\n"]
        assert len(sessions) == SESSIONS
        ends = list(pool.map(eaten, sessions))
        # a child that was ended, or with it the kernel: either way at the session's own limit
        strange = [brief(e) for e in ends if not (e["status"] == "completed" and e["stdout"] == "-9\n") and e["status"] != "out_of_memory"]
        assert strange == []
        refused = client().post("/v1/containers", json={"name": "one too many", "environment": "base"})
        assert refused.status_code == 429 and error_of(refused)["code"] == "quota_exceeded"
        assert all(e["stdout"] == "2\n" for e in pool.map(lambda s: s.run("print(1 + 1)"), sessions))
    assert [pid for pid in family if machine.read(pid) is None] == [], "all that is not a session's lives on"
    sessions[0].delete()
    assert client().post("/v1/containers", json={"name": "in its place", "environment": "base"}).status_code == 200


# Less than what a new session is refused for, so that no step from there to the next answer goes over the limit.
KEEP = "held = b'x' * (40 << 20)\nprint(len(held))"


@pytest.mark.limits
@pytest.mark.timeout(60)
def test_who_comes_when_the_memory_over_all_is_used_up_is_refused(fresh_server):
    """429 instead of a kernel that Linux ends; those that are there go on, and one that goes makes room."""
    server = fresh_server("--memory-total", "384m", "--pool-sandboxes", "0", "--pool-kernels", "0", "--pool-kernels-plain", "0")
    client = server.client()

    def create():
        return client.post("/v1/containers", json={"name": "one more", "environment": "base"})

    def said(session, code):
        return client.post(f"/v1/containers/{session}/execute", json={"code": code}).json()["stdout"]

    sessions = []
    while (answer := create()).status_code == 200:
        sessions.append(answer.json()["id"])
        assert said(sessions[-1], KEEP) == f"{40 << 20}\n"
        assert len(sessions) < 10, "ten times 40 MiB are more than all may have"
    assert len(sessions) > 2
    stateless = client.post("/v1/execute", json={"code": "print(1)", "environment": "base"})
    for refused in (answer, stateless):
        assert refused.status_code == 429 and error_of(refused)["code"] == "quota_exceeded", refused.text
        assert "of 384 MiB" in error_of(refused)["message"] and "--memory-total" in error_of(refused)["message"]
    assert all(said(s, "print(len(held))") == f"{40 << 20}\n" for s in sessions), "nobody's kernel was ended for it"
    for session in sessions[:2]:
        assert client.delete(f"/v1/containers/{session}").status_code == 200
    # Linux takes what an ended process had off its books a moment later
    machine.wait_until(lambda: create().status_code == 200, 10, "room for a session after two have gone")

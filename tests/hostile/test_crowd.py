"""A crowd: a hundred sessions that each take memory up to their limit, all at once, on a server that is then full."""
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

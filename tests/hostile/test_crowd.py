"""A crowd: sessions that take memory up to a limit, their own or that over all, on a server that is then full."""
import re
import threading
import time
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


class Full:
    """A server with little memory for all, and sessions that hold it."""

    def __init__(self, server):
        self.server, self.client, self.sessions = server, server.client(), []

    def create(self, environment="base"):
        return self.client.post("/v1/containers", json={"name": "one more", "environment": environment})

    def said(self, session, code):
        return self.client.post(f"/v1/containers/{session}/execute", json={"code": code}).json()["stdout"]

    def fill(self):
        """Until one is refused; the refusal."""
        while (answer := self.create()).status_code == 200:
            self.sessions.append(answer.json()["id"])
            assert self.said(self.sessions[-1], KEEP) == f"{40 << 20}\n"
            assert len(self.sessions) < 10, "ten times 40 MiB are more than all may have"
        return answer

    def kernels(self):
        return sum(p.name == "kernel" for p in self.server.processes())


@pytest.mark.limits
@pytest.mark.timeout(600)  # what it waits for stretches with the load
def test_who_comes_when_the_memory_over_all_is_used_up_is_refused(fresh_server):
    """429 instead of a kernel that Linux ends; those that are there go on, and one that goes makes room."""
    begun = time.monotonic()
    full = Full(fresh_server("--memory-total", "384m", "--pool-sandboxes", "0", "--pool-kernels-plain", "8"))
    server, client, create, said, sessions = full.server, full.client, full.create, full.said, full.sessions
    answer = full.fill()
    assert len(sessions) > 2
    # what a keeper was about when the last session came is added yet, and given up for the next one
    machine.wait_until(lambda: full.fill() and full.kernels() == len(sessions), 10, "the end of what waits in pools")
    stateless = client.post("/v1/execute", json={"code": "print(1)", "environment": "base"})
    for refused in (answer, stateless):
        assert refused.status_code == 429 and error_of(refused)["code"] == "quota_exceeded", refused.text
        said_to_client = error_of(refused)["message"]
        assert "Try again later" in said_to_client and not re.search(r"\d", said_to_client), "what others use is theirs"
        assert refused.headers["retry-after"]
    told = [line for line in server.log().splitlines() if "no memory left" in line]
    assert re.search(r"used_mib=\d+ limit_mib=384 refused=1\b", told[0]), "for who runs it"
    assert len(told) <= 1 + (time.monotonic() - begun) // 60, "once a minute"
    assert all(said(s, "print(len(held))") == f"{40 << 20}\n" for s in sessions), "nobody's kernel was ended for it"
    for session in sessions[:2]:
        assert client.delete(f"/v1/containers/{session}").status_code == 200
    # Linux takes what an ended process had off its books a moment later
    machine.wait_until(lambda: create().status_code == 200, 10, "room for a session after two have gone")


@pytest.mark.limits
@pytest.mark.data_science
@pytest.mark.timeout(600)
def test_nobody_is_ended_for_the_first_session_of_another_environment(fresh_server, sanitized):
    """It takes a zygote, some 100 MiB: one that finds room for a session and not for that is refused, too."""
    full = Full(fresh_server("--memory-total", "384m", "--default-environment", "base", "--pool-kernels", "0"))
    full.fill()
    full.client.delete(f"/v1/containers/{full.sessions.pop()}")
    refused = full.create("data-science")
    assert refused.status_code == 429 and error_of(refused)["code"] == "quota_exceeded", refused.text
    assert all(full.said(s, "print(len(held))") == f"{40 << 20}\n" for s in full.sessions), "nobody's kernel was ended for it"
    for session in full.sessions:
        full.client.delete(f"/v1/containers/{session}")
    if not sanitized:  # whose zygote takes more than all may have
        machine.wait_until(lambda: full.create("data-science").status_code == 200, 20, "room for it after all have gone")

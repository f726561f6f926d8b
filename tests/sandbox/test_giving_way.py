"""Who waits when cores are short: the sandboxes for the server, and a session that computes on for one that
answers. Read from the cgroups themselves, which is where Linux reads it."""
from pathlib import Path

import pytest

from support import machine
from support.api import Session

pytestmark = pytest.mark.limits


def setting(pid, names, levels_up=0):
    """The first of these files that a process's cgroup has, or one above it."""
    for directory in machine.cgroup_directories(pid):
        for _ in range(levels_up):
            directory = directory.parent
        for name in names:
            file = Path(directory) / name
            if file.exists():
                return int(file.read_text())
    pytest.fail(f"no cgroup of {pid} has {names}, {levels_up} levels up")


def idle(pid, levels_up=0):
    return setting(pid, ["cpu.idle"], levels_up) == 1


def gives_way(pid):
    """256 shares of version 1 are a weight of 25 of version 2."""
    return setting(pid, ["cpu.shares", "cpu.weight"]) in (32, 3)


@pytest.fixture
def session(fresh_server):
    server = fresh_server()
    with server.client() as client:
        yield Session(client, environment="base"), server


def kernel(session):
    inside = machine.in_pid_namespace(session.pid_namespace())
    return next(p.pid for p in inside if p.name != "cloche-init" and p.parent not in {q.pid for q in inside})


def test_sandboxes_give_way_to_the_server(session):
    session, server = session
    session.run("x = 1")
    assert idle(kernel(session), levels_up=2)  # all sandboxes, above the ground
    assert not idle(server.server_process().pid)


def counts_in_full(session, pid):
    """After an execution that was short: on a busy machine not each one is."""
    session.run("x = 1")
    return not gives_way(pid)


def test_a_long_execution_gives_way_to_short_ones(session):
    session, _ = session
    session.run("x = 1")
    pid = kernel(session)
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the session to count in full")
    events = session.stream("import time\nprint('begun', flush=True)\ntime.sleep(60)")
    for name, _ in events:
        if "output" in name:
            break
    machine.wait_until(lambda: gives_way(pid), 10, "the long execution to give way")
    session.client.post(f"{session.path}/interrupt")
    for _ in events:
        pass
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the short one to count again")


def test_what_an_execution_leaves_running_gives_way(session):
    session, _ = session
    session.run("import subprocess\nleft = subprocess.Popen(['sleep', '1000'])")
    pid = kernel(session)
    machine.wait_until(lambda: gives_way(pid), 10, "what was left running to give way")
    session.run("left.kill(); left.wait()")
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the session to count again")

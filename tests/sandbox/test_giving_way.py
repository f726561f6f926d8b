"""Who waits when cores are short: the sandboxes for the server, and a session that computes on for one that
answers. Read from the cgroups themselves, which is where Linux reads it."""
import pytest

from support import machine
from support.api import Running, Session

pytestmark = pytest.mark.limits


def idle(pid, levels_up=0):
    return machine.cgroup_setting(pid, ["cpu.idle"], levels_up) == "1"


@pytest.fixture
def session(fresh_server):
    server = fresh_server()
    with server.client() as client:
        yield Session(client, environment="base"), server


def test_sandboxes_give_way_to_the_server(session):
    session, server = session
    session.run("x = 1")
    assert idle(session.kernel_process(), levels_up=2)  # all sandboxes, above the ground
    assert not idle(server.server_process().pid)


def counts_in_full(session, pid):
    """After an execution that was short: on a busy machine not each one is. An idle group forgets its weight: it is set
    anew; 256 shares of version 1 are a weight of 25 of version 2."""
    session.run("x = 1")
    return not idle(pid) and machine.cgroup_setting(pid, ["cpu.shares", "cpu.weight"]) in ("256", "25")


def test_a_long_execution_gives_way_to_short_ones(session):
    session, _ = session
    session.run("x = 1")
    pid = session.kernel_process()
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the session to count in full")
    events = session.stream("import time\nprint('begun', flush=True)\ntime.sleep(60)")
    for name, _ in events:
        if "output" in name:
            break
    machine.wait_until(lambda: idle(pid), 10, "the long execution to give way")
    session.client.post(f"{session.path}/interrupt")
    for _ in events:
        pass
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the short one to count again")


def test_what_an_execution_leaves_running_gives_way(session):
    session, _ = session
    session.run("import subprocess\nleft = subprocess.Popen(['sleep', '1000'])")
    pid = session.kernel_process()
    machine.wait_until(lambda: idle(pid), 10, "what was left running to give way")
    session.run("left.kill(); left.wait()")
    machine.wait_until(lambda: counts_in_full(session, pid), 30, "the session to count again")


@pytest.mark.parametrize("servers_before", [0, 1])
def test_an_environment_with_nothing_but_a_hog_gives_way_to_others(session, servers_before):
    """Between environments as within one, and whichever server it is."""
    session, server = session
    for _ in range(servers_before):
        server.kill_server()
    with server.client() as client:
        session.client = client
        session.run("x = 1")
        pid = session.kernel_process()
        hog = Running(server, session, "import time\ntime.sleep(600)")
        machine.wait_until(lambda: idle(pid, levels_up=1), 30, "the environment to give way")
        client.post(f"{session.path}/interrupt")
        hog.join()
        machine.wait_until(lambda: not idle(pid, levels_up=1), 30, "the environment to count in full")

"""Whatever a session does to itself: its state is told, it can be interrupted and deleted, each within seconds."""
import pytest

from support import machine
from support.api import Running, Session, expect_gone

ANSWER_SECONDS = 5  # of a machine with nothing else to do; an answer takes milliseconds there

FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""

# Linux takes the largest, which is the child; its parent makes the next.
OUT_OF_MEMORY_AGAIN_AND_AGAIN = """
import subprocess, sys
while True:
    subprocess.run([sys.executable, "-c", "eaten = []\\nwhile True: eaten.append(b'x' * (1 << 20))"])
"""

FILL = """
with open('/mnt/data/fill', 'wb', buffering=0) as f:
    try:
        while True: f.write(b'x' * 65536)
    except OSError:
        pass
"""

WRITE_ALL_THE_SAME = """
n = 0
while True:
    try:
        with open(f'/mnt/data/{n % 1000}', 'w') as f: f.write('x' * 4096)
    except OSError:
        n += 1
"""

STOP = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"


def nearly_all_processes(namespace, kernel):
    return len(machine.in_pid_namespace(namespace)) > 100


def out_of_memory_thrice(namespace, kernel):
    text = machine.cgroup_setting(kernel, ["memory.events", "memory.oom_control"])
    return int(dict(line.split() for line in text.splitlines())["oom_kill"]) >= 3


def stopped(namespace, kernel):
    return machine.read(kernel).state == "T"


def at_once(namespace, kernel):
    return True


STATES = {
    "a fork bomb": ("", FORK_BOMB, nearly_all_processes),
    "out of memory, again and again": ("", OUT_OF_MEMORY_AGAIN_AND_AGAIN, out_of_memory_thrice),
    "its files are full": (FILL, WRITE_ALL_THE_SAME, at_once),
    "its kernel stopped itself": ("", STOP, stopped),
}


@pytest.mark.limits
@pytest.mark.parametrize("state", STATES)
def test_status_interrupt_and_delete_answer(server, state):
    before, code, reached = STATES[state]
    with server.client() as client:
        session = Session(client, environment="base", memory_limit="128m")
        namespace, kernel = session.pid_namespace(), session.kernel_process()
        if before:
            session.run(before, timeout=60)
        running = Running(server, session, code, timeout=300)
        try:
            machine.wait_until(lambda: reached(namespace, kernel), 10, f"the session to be in the state: {state}")
            for method, path in [("GET", ""), ("POST", "/interrupt"), ("GET", ""), ("DELETE", "")]:
                answer = client.request(method, session.path + path, timeout=ANSWER_SECONDS * machine.patience())
                assert answer.status_code == 200, (method, path, answer.text)
        except BaseException:
            client.delete(session.path, timeout=60)
            raise
        finally:
            running.join(60)
    expect_gone(namespace)

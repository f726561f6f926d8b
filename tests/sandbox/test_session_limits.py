"""What a session may have at most. Read from its cgroup, which is where Linux reads it, and seen from inside."""
import json
import signal

import pytest

from support import machine
from support.api import Running, Session
from support.server import Server

pytestmark = pytest.mark.limits


@pytest.fixture(scope="module")
def frugal(cloche, tmp_path_factory):
    """A quarter of a core for each session, and the highest share of files, which a small session would not survive."""
    running = Server(cloche, tmp_path_factory.mktemp("server") / "state", tmp_path_factory.mktemp("environments"),
                     "--memory-limit", "512m", "--scratch-share", "90", "--cpu-limit", "0.25")
    with running:
        yield running


def test_a_sessions_memory_is_never_swapped_out(new_session):
    """Version 2 bounds what may be swapped out, version 1 says how willingly it is done. Where nothing counts swap, there
    is no file to say it, and machine.cgroup_setting fails."""
    kernel = new_session().kernel_process()
    assert machine.cgroup_setting(kernel, ["memory.swap.max", "memory.swappiness"]) == "0"


def quota(session):
    """Microseconds of processor time in each 100,000; None: as many as there are. "max 100000" or "-1" says none."""
    text = machine.cgroup_setting(session.kernel_process(), ["cpu.max", "cpu.cfs_quota_us"]).split()[0]
    return None if text in ("max", "-1") else int(text)


def throttled(kernel):
    """In how many periods of 0.1 s it wanted more than its quota."""
    stat = dict(line.split() for line in machine.cgroup_setting(kernel, ["cpu.stat"]).splitlines())
    return int(stat["nr_throttled"])


SPIN_ON_TWO_CORES = """
import resource, subprocess, sys, time
begun = time.monotonic()
spin = "import os\\nwhile not os.path.exists('/mnt/data/released'): pass"
for child in [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]:
    child.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, time.monotonic() - begun)
"""


def test_a_session_has_no_quota_unless_there_is_a_setting(new_session):
    assert quota(new_session()) is None


def test_a_session_that_spins_gets_its_quota_of_the_processors(frugal):
    """However busy the machine is: never much more (Linux looks at a running process only so often), and it was held back
    in ten periods, each of which is a whole quota."""
    with frugal.client() as client:
        session = Session(client, environment="base")
        assert quota(session) == 25_000
        kernel = session.kernel_process()
        before = throttled(kernel)
        running = Running(frugal, session, SPIN_ON_TWO_CORES, timeout=300)
        machine.wait_until(lambda: throttled(kernel) >= before + 10, 60, "the quota to hold the session back")
        session.release()
        used, seconds = map(float, running.join(120)["stdout"].split()[1:])
        assert 0.1 < used < 0.4 * seconds + 0.1, (used, seconds)


def test_a_changed_quota_is_that_of_the_next_session(fresh_server, tmp_path):
    """Not of the next but one: what was in the pool was made with the limits from before."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"cpu_limit": 1.5}))
    tmp_path.chmod(0o755)
    server = fresh_server("--config", str(config), "--pool-sandboxes", "2", "--pool-kernels-plain", "1")
    machine.wait_until(lambda: len(server.named("init")) == 3, 60, "the pool")
    config.write_text(json.dumps({"cpu_limit": 0.5}))
    server.process.send_signal(signal.SIGHUP)
    machine.wait_until(lambda: "settings re-read" in server.log(), 10, "the new settings")
    with server.client() as client:
        assert quota(Session(client, environment="base")) == 50_000


FILL = """
import errno
with open('/mnt/data/fill', 'wb', buffering=0) as f:
    try:
        while True: f.write(b'x' * 65536)
    except OSError as e:
        print(errno.errorcode[e.errno], f.tell())
"""


def test_files_leave_a_small_session_room_to_answer(frugal, sanitized):
    """90 % of 64 MiB would leave its kernel 6: half of it is files, and a session that has filled it goes on. A
    sanitizer's interpreter takes more than what is kept for one: there it is a session that is large enough."""
    memory, files = (4096, 3686) if sanitized else (64, 32)
    with frugal.client() as client:
        session = Session(client, environment="base", memory_limit=f"{memory}m")
        why, size = session.run(FILL)["stdout"].split()
        assert (why, int(size) >> 20) == ("ENOSPC", files)
        assert session.run("import json\nprint(6 * 7)")["stdout"] == "42\n"
        assert session.retrieve().json()["status"] == "running"
        session.run("import os; os.unlink('/mnt/data/fill')")
        session.upload("again", b"x")

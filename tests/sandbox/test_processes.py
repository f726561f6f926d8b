"""Supervisor, warden, init, zygote and kernel as real processes, driven over their own protocol."""
import errno
import os
import signal
import socket
import struct
import subprocess
import time

import pytest

import links
from links import FULL, PLAIN, Message, Sandbox

CLD_EXITED, CLD_KILLED = 1, 2
MEMORY_V1 = "/sys/fs/cgroup/memory"


def wait_for(condition, what, seconds=10):
    end = time.monotonic() + seconds * links.PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.005)


def children(pid):
    found, queue = [], [pid]
    table = {}
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            table.setdefault(int(open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[1]), []).append(int(p))
        except OSError:
            pass
    while queue:
        below = table.get(queue.pop(), [])
        found += below
        queue += below
    return found


def comm(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return None


def pids_named(supervisor, name):
    return [p for p in children(supervisor.pid) if comm(p) == name]


def died(ground):
    m = ground.event(links.WARDEN_KERNEL_DIED)
    return m.words[:4]


def usage(sandbox):
    """Memory, its peak, processes, kills: as the sandbox's books say."""
    return sandbox.init.call(links.INIT_SCAN, words=[2]).words[1:5]


def upload(sandbox, path, data, mode=0o644, flags=0):
    r, w = os.pipe()
    sandbox.init.serial += 1
    sandbox.init.send(Message(links.INIT_WRITE, sandbox.init.serial, words=[mode, flags], text=path, fds=[r]))
    os.close(r)
    left = memoryview(data)
    while left:
        left = left[os.write(w, left):]
    os.close(w)
    return sandbox.init.wait(links.INIT_WRITE, sandbox.init.serial)


def test_a_kernel_runs_and_keeps_its_state(sandbox):
    k = sandbox.kernel()
    k.execute("x = 41")
    done, frames, out, err = k.execute("print('hello'); x + 1")
    assert done["status"] == "ok" and out == "hello\n" and err == ""
    assert [f[0]["type"] for f in frames] == ["execute_result"] and frames[0][1] == [b"42"]


def test_who_a_kernel_is(sandbox):
    k = sandbox.kernel()
    _, _, out, _ = k.execute(
        "import os\n"
        "s = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print(os.getuid(), os.getgid(), os.getgroups(), os.getppid(), os.getsid(0) == os.getpid())\n"
        "print([int(s[c], 16) for c in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb')], s['NoNewPrivs'].strip(), s['Seccomp_filters'].strip())\n"
        "print(sorted(map(int, os.listdir('/proc/self/fd')))[:3], os.getcwd(), os.uname().nodename)\n"
        "print(sorted(os.environ))")
    lines = out.splitlines()
    # one id for everything comes with setgroups denied: the groups of who started Cloche stay
    groups = "[1000]" if links.IDS == "one" else "[]"
    assert lines[0] == f"1000 1000 {groups} 0 True"
    assert lines[1] == "[0, 0, 0, 0] 1 2"
    assert lines[2] == "[0, 1, 2] /mnt/data cloche"
    assert lines[3] == str(sorted(["HOME", "USER", "LOGNAME", "PATH", "LANG", "TZ", "PLOTLY_RENDERER"]))


def test_a_kernel_that_dies_is_reported_and_replaced_in_its_files(ground, sandbox):
    k = sandbox.kernel()
    k.execute("open('kept.txt', 'w').write('yes')")
    k.send({"type": "execute", "id": "e", "count": 2, "mode": "cell", "argv": [], "env": {}, "ask": False, "stdin": False},
           b"import os; os._exit(7)")
    assert died(ground) == [1, CLD_EXITED, 7, 0]
    k2 = sandbox.kernel()
    assert k2.execute("print(open('kept.txt').read())")[2] == "yes\n"
    assert sandbox.serial == 2


def test_a_second_kernel_in_one_sandbox_is_refused(sandbox):
    sandbox.kernel()
    with pytest.raises(OSError) as e:
        sandbox.kernel()
    assert e.value.errno == errno.EBUSY


def test_interrupt_stops_code_and_keeps_state(sandbox):
    k = sandbox.kernel()
    k.execute("x = 5")
    k.send({"type": "execute", "id": "i", "count": 2, "mode": "cell", "argv": [], "env": {}, "ask": False, "stdin": False},
           b"print('in', flush=True)\nwhile True: pass")
    wait_for(lambda: (k.drain(), k.text[1])[1] == b"in\n" * 1 or b"in\n" in k.text[1], "the loop")
    assert sandbox.init.call(links.INIT_SIGNAL, words=[signal.SIGINT]).status == 0
    frames = []
    while True:
        head, _ = k.receive()
        frames.append(head["type"])
        if head["type"] == "barrier":
            k.send({"type": "ack"})
        if head["type"] == "done":
            break
    assert head["status"] == "interrupted"
    assert k.execute("print(x)")[2] == "5\n"


def test_an_interrupt_reaches_the_programs_that_code_waits_for(sandbox):
    """os.system ignores SIGINT until its child has ended: the child must get it too."""
    k = sandbox.kernel()
    k.execute("x = 5")
    k.send({"type": "execute", "id": "i", "count": 2, "mode": "cell", "argv": [], "env": {}, "ask": False, "stdin": False},
           b"import os; os.system('echo in; exec sleep 1000')")
    wait_for(lambda: (k.drain(), k.text[1])[1] == b"in\n", "the program")
    assert sandbox.init.call(links.INIT_SIGNAL, words=[signal.SIGINT]).status == 0
    while True:
        head, _ = k.receive(5)
        if head["type"] == "barrier":
            k.send({"type": "ack"})
        if head["type"] == "done":
            break
    assert k.execute("print(x)")[2] == "5\n"


def test_interrupts_between_executions_are_dropped(sandbox):
    k = sandbox.kernel()
    k.execute("x = 1")
    for _ in range(20):
        assert sandbox.init.call(links.INIT_SIGNAL, words=[signal.SIGINT]).status == 0
        assert k.execute("x += 1")[0]["status"] == "ok"


def test_init_only_sends_sigint(sandbox):
    sandbox.kernel()
    assert sandbox.init.call(links.INIT_SIGNAL, words=[signal.SIGKILL]).status == -errno.EINVAL


def test_kill_ends_everything_but_init(ground, sandbox):
    k = sandbox.kernel()
    k.execute("import subprocess; ps = [subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True) for _ in range(5)]")
    assert sandbox.init.call(links.INIT_KILL).status == 0
    assert died(ground)[1:3] == [CLD_KILLED, signal.SIGKILL]
    m = sandbox.init.call(links.INIT_SCAN, words=[2])
    assert m.words[3] == 0  # no process is left on the books
    assert sandbox.kernel().execute("print(1)")[2] == "1\n"


def test_out_of_memory_is_counted(supervisor, ground):
    s = Sandbox(supervisor, ground, memory=96 << 20, scratch=16 << 20)
    k = s.kernel()
    if not links.LIMITS:  # lost: nothing bounds or counts memory and processes
        assert usage(s) == [0, 0, 0, 0]
        return
    k.send({"type": "execute", "id": "m", "count": 1, "mode": "cell", "argv": [], "env": {}, "ask": False, "stdin": False},
           b"x = []\nwhile True: x.append(bytearray(1 << 20))")
    serial, code, status, kills = died(ground)
    assert (code, status) == (CLD_KILLED, signal.SIGKILL) and kills >= 1
    assert s.kernel().execute("print('again')")[2] == "again\n"


def test_files_in_both_directions(sandbox):
    k = sandbox.kernel()
    payload = os.urandom(300000)
    m = upload(sandbox, "data/in/deep/a.bin", payload, flags=1)
    assert m.status == 0 and m.words[0] == len(payload)
    _, _, out, _ = k.execute("import os, hashlib; st = os.stat('in/deep/a.bin')\n"
                             "print(st.st_uid, oct(st.st_mode), hashlib.sha256(open('in/deep/a.bin', 'rb').read()).hexdigest(), os.listdir('in/deep'))")
    import hashlib
    assert out == f"1000 0o100644 {hashlib.sha256(payload).hexdigest()} ['a.bin']\n"
    k.execute("os.umask(0o077); open('out.bin', 'wb').write(b'PK' * 100)")
    m = sandbox.init.call(links.INIT_OPEN, text="data/out.bin")
    assert m.status == 0 and os.read(m.fds[0], 1000) == b"PK" * 100
    assert os.stat(m.fds[0]).st_size == 200
    with pytest.raises(OSError):
        os.write(m.fds[0], b"x")
    os.close(m.fds[0])
    assert sandbox.init.call(links.INIT_UNLINK, text="data/out.bin").status == 0
    assert sandbox.init.call(links.INIT_OPEN, text="data/out.bin").status == -errno.ENOENT


@pytest.mark.parametrize("path,error", [
    ("data/link", errno.ELOOP), ("data/fifo", errno.EINVAL), ("data/socket", errno.ENXIO), ("data/folder", errno.EISDIR),
    ("data/../../etc/passwd", errno.EXDEV), ("/etc/passwd", errno.EXDEV), ("data/linkdir/passwd", errno.ELOOP),
    ("data/nothing", errno.ENOENT), ("data/magic", errno.ELOOP), ("data/locked/x", errno.EACCES)])
def test_what_the_file_agent_refuses_to_open(sandbox, path, error):
    k = sandbox.kernel()
    k.execute("import os, socket\nos.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'linkdir'); os.mkfifo('fifo'); os.mkdir('folder')\n"
              "os.symlink('/proc/self/root/etc/passwd', 'magic'); s = socket.socket(socket.AF_UNIX); s.bind('socket')\n"
              "os.mkdir('locked'); open('locked/x', 'w').close(); os.chmod('locked', 0)")
    m = sandbox.init.call(links.INIT_OPEN, text=path, timeout=2)
    assert (m.status, m.fds) == (-error, [])


def test_an_upload_is_charged_to_the_session(sandbox):
    size = 24 << 20
    before = usage(sandbox)[0]
    assert upload(sandbox, "data/a.bin", bytes(size)).words[0] == size
    after = usage(sandbox)[0]
    assert after - before >= size if links.LIMITS else (before, after) == (0, 0)


def test_each_sandbox_has_a_user_id_of_its_own(supervisor, ground):
    for s in (Sandbox(supervisor, ground), Sandbox(supervisor, ground)):
        s.kernel().execute("1")
    real = {open(f"/proc/{p}/status").read().split("Uid:")[1].split()[0] for p in pids_named(supervisor, "kernel")}
    assert len(real) == (1 if links.IDS == "one" else 2)  # lost with one id for everything


def test_writes_are_bounded_by_the_sessions_quota(supervisor, ground):
    s = Sandbox(supervisor, ground, memory=256 << 20, scratch=8 << 20)
    k = s.kernel()
    r, w = os.pipe()
    s.init.serial += 1
    s.init.send(Message(links.INIT_WRITE, s.init.serial, words=[0o644, 0], text="data/big", fds=[r]))
    os.close(r)
    with pytest.raises(BrokenPipeError):
        for _ in range(1000):
            os.write(w, bytes(65536))
    os.close(w)
    assert s.init.wait(links.INIT_WRITE, s.init.serial).status == -errno.ENOSPC
    assert k.execute("import os; print(os.listdir('.'))")[2] == "[]\n"
    assert k.execute("open('small', 'w').write('x'); print(1)")[2] == "1\n"


def test_scan_lists_regular_files_only(sandbox):
    k = sandbox.kernel()
    k.execute("import os; os.makedirs('a/b'); open('a/b/c.txt', 'w').write('12'); open('.hidden', 'w'); os.mkdir('__pycache__')\n"
              "open('__pycache__/x.pyc', 'w'); os.symlink('a', 'l'); os.mkfifo('f'); f = open('sparse', 'wb'); f.truncate(1 << 40)")
    m = sandbox.init.call(links.INIT_SCAN)
    assert m.words[0] == 2
    part = sandbox.init.events.pop()
    found, at = {}, 0
    while at < len(part.text):
        inode, size, ctime, mtime, n = struct.unpack_from("<QQqqH", part.text, at)
        at += 34
        found[part.text[at:at + n].decode()] = size
        at += n
    assert found == {"a/b/c.txt": 2, "sparse": 1 << 40}


TRACES = """
import ctypes, os, socket
L = ctypes.CDLL(None)
open('/mnt/data/secret', 'w').write('x'); open('/tmp/secret', 'w').write('x'); open('/dev/shm/secret', 'w').write('x')
L.shmget(1234, 4096, 0o1666); L.semget(1234, 1, 0o1666); L.msgget(1234, 0o1666)
a = socket.socket(socket.AF_UNIX); a.bind('\\0cloche-test')
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal
        while True: signal.pause()
    os._exit(0)
"""
LOOK = """
import ctypes, os, socket
L = ctypes.CDLL(None)
print(os.listdir('/mnt/data'), os.listdir('/tmp'), os.listdir('/dev/shm'))
print(L.shmget(1234, 4096, 0), L.semget(1234, 1, 0), L.msgget(1234, 0))
a = socket.socket(socket.AF_UNIX); a.bind('\\0cloche-test')
print([p for p in os.listdir('/proc') if p.isdigit() and p != '1' and p != str(os.getpid())])
"""


def test_a_memory_limit_only_rises(ground, sandbox):
    at_first = ground.call(links.WARDEN_MEMORY, sandbox=sandbox.id, words=[0])
    assert at_first.status == 0 and at_first.words[0] > 0
    more = at_first.words[0] + (64 << 20)
    assert ground.call(links.WARDEN_MEMORY, sandbox=sandbox.id, words=[more]).words[0] == more
    for less in (0, 1, at_first.words[0], 1 << 63):
        answer = ground.call(links.WARDEN_MEMORY, sandbox=sandbox.id, words=[less])
        assert (answer.status, answer.words[0]) == (0, more)
    assert ground.call(links.WARDEN_MEMORY, sandbox=9999, words=[more]).status == -errno.ESRCH


def test_recycling_leaves_nothing(ground, sandbox):
    sandbox.kernel().execute(TRACES)
    assert ground.call(links.WARDEN_RECYCLE, sandbox=sandbox.id).status == 0
    _, _, out, err = sandbox.kernel().execute(LOOK)
    assert out == "[] [] []\n-1 -1 -1\n[]\n" and err == ""


def test_the_proof_of_emptiness_fails_on_a_lingering_socket(ground, sandbox):
    """A connection closed by this side waits in TIME_WAIT in the sandbox's network namespace for a
    minute, whatever processes die: the sandbox must not be used again."""
    k = sandbox.kernel()
    done = k.execute("import socket\na = socket.create_server(('127.0.0.1', 0)); b = socket.create_connection(a.getsockname()); c, _ = a.accept()\n"
                     "b.close(); c.close(); a.close()")[0]
    assert done["status"] == "ok"
    m = ground.call(links.WARDEN_RECYCLE, sandbox=sandbox.id)
    assert m.status == -errno.ENOTEMPTY and b"1 that linger" in m.text
    assert sandbox.end().status == 0


def test_ending_a_sandbox_leaves_nothing(supervisor, ground):
    before = set(children(supervisor.pid))
    s = Sandbox(supervisor, ground)
    k = s.kernel()
    k.execute("import subprocess; ps = [subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True) for _ in range(5)]")
    assert len(set(children(supervisor.pid)) - before) >= 7
    assert s.end().status == 0
    assert set(children(supervisor.pid)) == before


def test_a_zygote_may_die_and_its_kernels_live_on(supervisor, ground, sandbox):
    k = sandbox.kernel()
    k.execute("x = 3")
    (zygote,) = [p for p in children(supervisor.pid) if comm(p) == "python3"]
    os.kill(zygote, signal.SIGKILL)
    assert ground.event(links.WARDEN_ZYGOTE_DIED).words[0] == PLAIN
    assert k.execute("print(x)")[2] == "3\n"
    assert ground.call(links.WARDEN_ZYGOTE, words=[PLAIN]).status == 0
    assert Sandbox(supervisor, ground).kernel().execute("print(4)")[2] == "4\n"


def test_an_init_that_dies_ends_its_sandbox_and_is_reported(supervisor, ground, sandbox):
    sandbox.kernel()
    (init,) = pids_named(supervisor, "cloche-init")
    os.kill(init, signal.SIGKILL)
    assert ground.event(links.WARDEN_SANDBOX_DIED).sandbox == sandbox.id
    wait_for(lambda: not pids_named(supervisor, "kernel"), "the kernel's end")


def test_a_new_server_finds_its_sandboxes(ground, sandbox):
    m = ground.call(links.WARDEN_HELLO)
    assert m.words[0] == 1
    m = ground.event(links.WARDEN_SANDBOX_IS)
    assert m.sandbox == sandbox.id and len(m.fds) == 1
    again = links.Link(socket.socket(fileno=m.fds[0]))
    assert again.call(links.INIT_SCAN).status == 0


def test_a_violation_of_the_protocol_ends_the_ground(supervisor, ground):
    ground.send(Message(links.INIT_SCAN, 1))
    with pytest.raises((EOFError, ConnectionResetError)):
        while True:
            ground.receive(5)
    wait_for(lambda: not pids_named(supervisor, "cloche-warden"), "the warden's end")


def test_kill_9_of_the_supervisor_takes_everything_with_it(build):
    s = links.Supervisor(build)
    _, warden = s.ground("base")
    assert warden.call(links.WARDEN_ZYGOTE, words=[PLAIN]).status == 0
    Sandbox(s, warden).kernel().execute("x = 1")
    below = children(s.pid)
    assert len(below) >= 4
    os.kill(s.pid, signal.SIGKILL)
    os.waitpid(s.pid, 0)
    wait_for(lambda: not any(comm(p) in ("cloche-warden", "cloche-init", "kernel") for p in below), "the end of all")
    s.ours.close()


def test_a_graceful_end_removes_the_cgroups(build):
    s = links.Supervisor(build)
    _, warden = s.ground("base")
    Sandbox(s, warden)
    pid = s.pid
    assert s.stop() == 0
    left = subprocess.run(["find", "/sys/fs/cgroup", "-name", f"cloche-{pid}", "-type", "d"], capture_output=True, text=True).stdout
    assert left == ""


def test_a_sweep_leaves_the_living_alone(build, supervisor, ground, sandbox):
    """A second supervisor in a pid namespace of its own, where the first one's pid means nothing, sweeps
    when it starts: prepared sandboxes, whose cgroups are empty, must stay usable."""
    program = ("import sys; sys.path.insert(0, sys.argv[1]); import links\n"
               "s = links.Supervisor(sys.argv[2]); s.ground('base'); s.stop()")
    # an ordinary user has no cgroups to sweep, and no right to such a namespace: then merely a second supervisor
    apart = ["unshare", "--pid", "--fork", "--mount-proc"] if links.LIMITS else []
    subprocess.run([*apart, "/usr/bin/python3", "-c", program, os.path.dirname(links.__file__), build], check=True, timeout=30 * links.PATIENCE)
    assert sandbox.kernel().execute("print(1)")[2] == "1\n"


def test_an_environment_that_is_not_built(supervisor):
    with pytest.raises(OSError) as e:
        supervisor.ground("nothing")
    assert e.value.errno == errno.ENOENT and "cloche env build nothing" in str(e.value)
    with pytest.raises(OSError):
        supervisor.ground("../base")


def test_the_full_zygote_has_ipython(supervisor, ground):
    assert ground.call(links.WARDEN_ZYGOTE, words=[FULL]).status == 0
    k = Sandbox(supervisor, ground).kernel(FULL)
    assert k.execute("%pwd")[1][0][1] == [b"'/mnt/data'"]


LAYERS = """
import ctypes, errno, os
L = ctypes.CDLL(None, use_errno=True)
abi = L.syscall(444, None, 0, 1)
attributes = (ctypes.c_uint64 * 1)(2)
if os.fork() == 0:
    n = 0
    while True:
        ruleset = L.syscall(444, attributes, 8, 0)
        if L.syscall(446, ruleset, 0) != 0: break
        n += 1
    print(abi, n, errno.errorcode[ctypes.get_errno()])
    os._exit(0)
os.wait()
"""


def test_landlock_is_in_force(sandbox):
    """The kernel stacks 16 rulesets at the most: with ours in place user code gets 15."""
    out = sandbox.kernel().execute(LAYERS)[2].split()
    assert int(out[0]) < 2 or out[1:] == ["15", "E2BIG"]


def test_landlock_lets_the_scratch_alone(sandbox):
    _, _, out, _ = sandbox.kernel().execute(
        "import os, errno\n"
        "def P(f):\n"
        "    try: f(); return 'ok'\n"
        "    except OSError as e: return errno.errorcode[e.errno]\n"
        "os.mkdir('a'); os.mkdir('b'); open('a/x', 'w').write('1')\n"
        "print(P(lambda: os.rename('a/x', 'b/x')), P(lambda: os.link('b/x', '/mnt/data/y')), P(lambda: open('/tmp/t', 'w').close()),\n"
        "      P(lambda: open('/dev/shm/s', 'w').close()), P(lambda: open('/dev/null', 'w').close()), P(lambda: os.truncate('b/x', 0)))\n"
        "print(P(lambda: open('/etc/passwd', 'w')), P(lambda: os.mkdir('/opt/x')), P(lambda: os.mkdir('/mnt/x')))")
    assert out == "ok ok ok ok ok ok\nEROFS EROFS EROFS\n"


def test_a_kernel_dies_before_what_made_it(sandbox):
    """The score cannot be taken back to the supervisor's."""
    k = sandbox.kernel()
    _, _, out, _ = k.execute("print(open('/proc/self/oom_score_adj').read().strip())\n"
                             "for v in ('-900', '-1'):\n"
                             "    try: open('/proc/self/oom_score_adj', 'w').write(v); print('changed')\n"
                             "    except OSError: print('refused')")
    assert out == "500\nrefused\nrefused\n"


def test_a_sandbox_keeps_two_descriptors_of_its_warden(supervisor, ground):
    (warden,) = pids_named(supervisor, "cloche-warden")
    count = lambda: len(os.listdir(f"/proc/{warden}/fd"))  # noqa: E731
    before = count()
    sandboxes = [Sandbox(supervisor, ground) for _ in range(5)]
    for s in sandboxes:
        s.kernel().execute("x = 1")
    assert count() - before == 10
    for s in sandboxes:
        s.end()
    assert count() == before


FORKS = """
import errno, os, signal
n = 0
try:
    while n < 2000:
        if os.fork() == 0:
            signal.pause()
        n += 1
except OSError as e:
    print(n, errno.errorcode[e.errno])
"""


def test_processes_are_bounded(supervisor, ground):
    """Without cgroups by a resource limit, which the kernel counts for this uid in this user namespace."""
    s = Sandbox(supervisor, ground, pids=64)
    n, error = s.kernel().execute(FORKS)[2].split()
    assert error == "EAGAIN" and int(n) < (64 if links.LIMITS else 256)
    other = Sandbox(supervisor, ground).kernel()
    assert other.execute("import subprocess; print(subprocess.check_output(['echo', 'hi']))")[2] == "b'hi\\n'\n"


# Held by what limits it there: a cgroup, or an rlimit for its id, which counts all of an environment where there is one id.
BOMB = f"""
import os, time
for n in range({6000 if links.IDS == "one" else 1000}):
    if os.fork() == 0: time.sleep(1000)
"""


def test_a_warm_up_has_a_limit_of_processes(environment):
    supervisor, warden = environment(BOMB)
    before = set(children(supervisor.pid))
    m = warden.call(links.WARDEN_ZYGOTE, words=[FULL], timeout=120)
    assert m.status < 0 and b"more processes or threads than a warm-up may have" in m.text, m
    wait_for(lambda: before.issuperset(children(supervisor.pid)), "the end of what the warm-up started", 60)
    assert warden.call(links.WARDEN_ZYGOTE, words=[PLAIN], timeout=60).status == 0
    assert Sandbox(supervisor, warden).kernel().execute("print(2)")[2] == "2\n"

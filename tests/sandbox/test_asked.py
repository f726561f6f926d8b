"""What user code may only do when init lets it: change a thread by its number, and lock ranges of files. Attacks on the
answers, and what honest programs get."""
import contextlib
import ctypes
import fcntl
import os
import platform
import select
import signal
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

import links
from links import Sandbox
from support import machine
from test_attacks import CALLS, run
from test_processes import died, pids_named, upload, wait_for


BY_NUMBER = """
import threading
def ways(pid):
    mask, two = ctypes.create_string_buffer(128), (ctypes.c_uint64 * 2)()
    call(204, 0, 128, mask)
    return call(203, pid, 128, mask), call(302, pid, 7, 0, two), call(141, 0, pid, 5)
end = threading.Event()
def waiting():
    t = threading.Thread(target=end.wait, daemon=True)
    t.start()
    return t.native_id
"""


def test_a_process_changes_itself_by_number(sandbox):
    """Its pid, and each of its threads, whichever of them asks; a child likewise. Linux judges the call as any other."""
    out = run(sandbox.kernel(), BY_NUMBER + """
found, thread = [], waiting()
def ask():
    found.extend(ways(n) for n in (0, os.getpid(), thread, threading.get_native_id()))
ask()
t = threading.Thread(target=ask); t.start(); t.join()
print(len(found), set(found))
print(call(141, 0, os.getpid(), -5), call(302, os.getpid(), 99, 0, 0), call(302, os.getpid(), 4, 0, (ctypes.c_uint64 * 2)()))
if os.fork() == 0:
    os._exit({ways(os.getpid()), ways(waiting())} != {(0, 0, 0)})
print(os.wait()[1])
""")
    assert out == "8 {(0, 0, 0)}\nEACCES EINVAL 0\n0\n"


def test_no_other_process_is_changed_by_number(sandbox):
    """Not even a child, its threads or a parent, where Linux would let it: they have its uid. So the refusal is ours.
    Nor is a group or a user; a number that nobody has is answered as Linux would."""
    out = run(sandbox.kernel(), BY_NUMBER + """
kernel, (told, tell), (go, let_go) = os.getpid(), os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.write(tell, struct.pack('i', waiting()))
    os.read(go, 1)
    os._exit(ways(kernel) != ('EPERM',) * 3)
thread, = struct.unpack('i', os.read(told, 4))
print(*{ways(n) for n in (1, child, thread)}, *{ways(n) for n in (-1, -child, 1 << 30, 0x7fffffff)})
print({call(141, which, who, 5) for which in (1, 2, 3, -1) for who in (0, 1, kernel, os.getpgid(0), 1000)})
os.write(let_go, b'x')
print(os.waitpid(child, 0)[1], ways(child), ways(thread))
""")
    refused, nobody = (str((name,) * 3) for name in ("EPERM", "ESRCH"))
    assert out == f"{refused} {nobody}\n{{'EPERM'}}\n0 {nobody} {nobody}\n"


def test_who_asks_init_without_end_keeps_it_from_nothing(sandbox):
    """Threads that ask and die, and a signal that takes them out of the call again and again: init answers, kills, and
    serves the kernel after this one."""
    kernel = sandbox.kernel()
    out = run(kernel, BY_NUMBER + """
def storm():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
    while True:
        ways(os.getpid()), ways(1), call(41, 16, 3, 1)
        t = threading.Thread(target=ways, args=(os.getpid(),)); t.start(); t.join()
for _ in range(3):
    if os.fork() == 0: storm()
print(ways(os.getpid()))
""")
    assert out == "(0, 0, 0)\n"
    for _ in range(3):
        assert sandbox.init.call(links.INIT_SCAN, words=[2]).status == 0
        assert upload(sandbox, "data/in the storm", b"x").status == 0
    assert sandbox.init.call(links.INIT_KILL).status == 0
    died(sandbox.warden)
    assert run(sandbox.kernel(), BY_NUMBER + "print(ways(os.getpid()))") == "(0, 0, 0)\n"


# What /usr/include/linux/seccomp.h calls SECCOMP_IOCTL_NOTIF_RECV, _SEND, and SECCOMP_USER_NOTIF_FLAG_CONTINUE.
HEAR, ANSWER, GO_ON = 0xC0502100, 0xC0182101, 1
KILLABLE = tuple(map(int, platform.release().split(".")[:2])) >= (5, 19)


def listeners(init):
    """The number of its descriptor, when it has been given it."""
    numbers = os.listdir(f"/proc/{init}/fd")
    return [int(n) for n in numbers if os.readlink(f"/proc/{init}/fd/{n}") == "anon_inode:seccomp notify"]


@contextlib.contextmanager
def in_place_of_init(supervisor):
    """The descriptor on which the one init is asked: held here, too, and init stopped."""
    (init,) = pids_named(supervisor, "cloche-init")
    wait_for(lambda: listeners(init), "its listener")
    (number,), process, ear = listeners(init), os.pidfd_open(init), -1
    try:
        ear = ctypes.CDLL(None).syscall(438, process, number, 0)  # pidfd_getfd
        assert ear >= 0
        os.kill(init, signal.SIGSTOP)
        yield ear
    finally:
        os.kill(init, signal.SIGCONT)
        os.close(process)
        if ear >= 0:
            os.close(ear)


def hear(ear):
    """(the question's id, who asks)"""
    assert select.select([ear], [], [], 10 * links.PATIENCE)[0], "nobody asked"
    asked = fcntl.ioctl(ear, HEAR, bytes(80))
    return struct.unpack_from("QI", asked)


ASKS = BY_NUMBER + """
heard, mask = [], ctypes.create_string_buffer(128)
call(204, 0, 128, mask)
signal.signal(signal.SIGALRM, lambda *_: heard.append('the signal'))
print(call(203, os.getpid(), 128, mask), *heard)
"""


@pytest.mark.skipif(not KILLABLE, reason="before Linux 5.19 every signal takes who asks out of the call")
def test_a_signal_waits_for_the_answer_of_a_question_that_was_heard(supervisor, sandbox):
    """It was EINTR, which Linux itself never answers to such a call."""
    kernel = sandbox.kernel()
    with ThreadPoolExecutor(1) as other, in_place_of_init(supervisor) as ear:
        printed = other.submit(run, kernel, ASKS)
        question, asker = hear(ear)
        os.kill(asker, signal.SIGALRM)
        wait_for(lambda: machine.read(asker).state == "D" or printed.done(), "the signal")
        with contextlib.suppress(FileNotFoundError):  # nobody waits for it: then what was printed tells why
            fcntl.ioctl(ear, ANSWER, struct.pack("QqiI", question, 0, 0, GO_ON))
        assert printed.result() == "0 the signal\n"


def test_who_is_never_answered_is_ended(supervisor, sandbox):
    """A package that took the question away does not answer it either. No interrupt reaches who waits for that, but the
    end does, by the same init, which serves the kernel after this one."""
    kernel = sandbox.kernel()
    with in_place_of_init(supervisor) as ear:
        kernel.send({"type": "execute", "id": "exec_1", "count": 1, "mode": "cell", "argv": [], "env": {}, "ask": False,
                     "stdin": False}, (CALLS + ASKS).encode())
        hear(ear)
    assert sandbox.init.call(links.INIT_SIGNAL, words=[signal.SIGINT]).status == 0
    assert sandbox.init.call(links.INIT_KILL).status == 0
    died(sandbox.warden)
    assert run(sandbox.kernel(), BY_NUMBER + "print(ways(os.getpid()))") == "(0, 0, 0)\n"


LOCKS = """
import fcntl, time
def lock(most):
    "how many single bytes could be locked, of 40 files: for each lock Linux looks through all that its file has"
    global files
    files = [open(f'{os.getpid()}.{n}', 'wb') for n in range(40)]
    for n in range(most):
        try: fcntl.lockf(files[n % 40], fcntl.LOCK_EX, 1, n * 2)
        except OSError as e: return n, errno.errorcode[e.errno]
    return most, 'all'
"""
# How long what takes its time is waited for, in there.
SOON = f"end = time.monotonic() + {30 * links.PATIENCE}\n"


def test_locks_on_files_are_few(sandbox):
    """Linux charges them to nobody: 300,000 a second were the host's. No thread or process has more to itself."""
    k = sandbox.kernel()
    out = run(k, LOCKS + """
n, why = lock(20000)
print(4000 < n < 16384, why, n)
pid = os.fork()
if pid == 0: os._exit(lock(20000)[0] < 16384 - n)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""", timeout=60)
    assert out.startswith("True ENOLCK ") and out.endswith("\n1\n"), out
    out = run(k, LOCKS + SOON + """
for f in files: f.close()
while (met := lock(1)) != (1, 'all') and time.monotonic() < end: time.sleep(0.01)
print(met, *(call(72, files[0].fileno(), n, bytes(32)) for n in (37, 38)))
""", timeout=60)
    assert out == "(1, 'all') EINVAL EINVAL\n"


def test_who_has_too_many_locks_unlocks(sandbox):
    """A call that unlocks looks like one that locks: some of either are let through each second."""
    out = run(sandbox.kernel(), LOCKS + SOON + """
def unlock(file):
    while time.monotonic() < end:
        try: return fcntl.lockf(file, fcntl.LOCK_UN)
        except OSError as e: met.add(errno.errorcode[e.errno])
        time.sleep(0.01)
    return 'never'
met = {lock(20000)[1]}
full = files
print({unlock(f) for f in full}, met)
while (got := lock(1000)) != (1000, 'all') and time.monotonic() < end: time.sleep(0.01)
print(got)
""", timeout=60)
    assert out == "{None} {'ENOLCK'}\n(1000, 'all')\n"


def test_listeners_are_few(sandbox):
    """What nobody has accepted is charged to nobody. 64 listen, whatever the family, and as many again when they are closed."""
    out = run(sandbox.kernel(), """
def listening():
    global kept
    kept = []
    try:
        while True:
            s = socket.socket((socket.AF_INET, socket.AF_INET6)[len(kept) % 2])
            s.bind(('localhost', 0)); s.listen(4096); kept.append(s)
    except OSError as e: return len(kept), errno.errorcode[e.errno]
print(listening(), call(50, kept[0].fileno(), 1))
for s in kept: s.close()
print(listening())
""")
    assert out == "(64, 'ENOBUFS') ENOBUFS\n(64, 'ENOBUFS')\n"


def test_processes_share_no_open_files(sandbox):
    """Locks are the table's, and shown while who took them lives: those of the dead init would not count."""
    assert run(sandbox.kernel(), "print(call(56, 0x400 | 17, 0, 0, 0, 0))") == "EPERM\n"


def test_locks_exclude_and_databases_work(supervisor, ground, sandbox):
    """What init lets through is done by Linux; and another session's locks count for it alone."""
    greedy = Sandbox(supervisor, ground)
    assert "ENOLCK" in run(greedy.kernel(), LOCKS + "print(lock(20000))", timeout=60)
    out = run(sandbox.kernel(), LOCKS + """
import sqlite3
f, (r, w) = open('a', 'wb'), os.pipe()
fcntl.lockf(f, fcntl.LOCK_EX)
if os.fork() == 0:
    f = open('a', 'wb')
    try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB); os._exit(1)
    except BlockingIOError: os.write(w, b'held')
    fcntl.lockf(f, fcntl.LOCK_EX); os._exit(0)
print(os.read(r, 4)); f.close()
print(os.wait()[1])
db = sqlite3.connect('x.db', isolation_level=None); db.execute('create table t (n)')
for n in range(3000): db.execute('insert into t values (?)', (n,))
print(db.execute('select count(*) from t').fetchone(), open('/proc/locks').read() == '')
""", timeout=60)
    assert out == "b'held'\n0\n(3000,) True\n"

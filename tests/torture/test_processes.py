"""Supervisor, warden, init, zygote and kernel while the n-th system call of one of them fails.

A run lives one life: ground, zygote, sandbox, kernel, execution, files in and out, scan, recycling, another
kernel, ends. Exactly one call fails in it (see tracer.c), and then must hold:

 - everything asked is answered within its deadline: done, refused with a code and a sentence, or the process
   that should answer is gone, and who asked sees that;
 - what answered "done" was done;
 - one failure is one failure: on the same supervisor, and on the same warden if it lives, the next life passes;
 - no descriptor is left over in supervisor and warden, no process, cgroup or mount on the machine.

Which calls there are is found by one run that counts them; of each call of each role every n is tried, or MOST
of them, spread out.
"""
import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from pathlib import Path

import pytest

from support import machine

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))
import links  # noqa: E402

MOST, MOST_OF_ZYGOTE = 60, 16
DEADLINE = 100 * links.PATIENCE  # of one whole run: a few calls that each have their own
PAYLOAD = bytes(range(256)) * 1000

# number on x86-64, and why it might fail
E = errno
CALLS = {
    "read": (0, E.EIO), "write": (1, E.ENOSPC), "poll": (7, E.ENOMEM), "lseek": (8, E.EIO), "mmap": (9, E.ENOMEM),
    "mprotect": (10, E.ENOMEM), "ioctl": (16, E.EIO), "pread64": (17, E.EIO), "writev": (20, E.EIO), "access": (21, E.EACCES),
    "dup2": (33, E.EMFILE), "socket": (41, E.EMFILE), "sendmsg": (46, E.ENOBUFS), "recvmsg": (47, E.EINTR),
    "socketpair": (53, E.EMFILE), "clone": (56, E.EAGAIN), "execve": (59, E.ENOMEM), "fcntl": (72, E.EMFILE),
    "flock": (73, E.ENOLCK), "getcwd": (79, E.ENOENT), "chdir": (80, E.EACCES), "mkdir": (83, E.ENOSPC),
    "rmdir": (84, E.EBUSY), "unlink": (87, E.EIO), "symlink": (88, E.ENOSPC), "readlink": (89, E.EIO), "chmod": (90, E.EPERM),
    "chown": (92, E.EPERM), "setsid": (112, E.EPERM), "setgroups": (116, E.EPERM), "setresuid": (117, E.EAGAIN),
    "setresgid": (119, E.EPERM), "capget": (125, E.EPERM), "capset": (126, E.EPERM), "fstatfs": (138, E.EIO),
    "pivot_root": (155, E.EBUSY), "prctl": (157, E.EPERM), "mount": (165, E.ENOMEM), "umount2": (166, E.EBUSY),
    "sethostname": (170, E.EPERM), "getdents64": (217, E.EIO), "epoll_wait": (232, E.EINTR), "epoll_ctl": (233, E.ENOMEM),
    "openat": (257, E.EMFILE), "mkdirat": (258, E.ENOSPC), "newfstatat": (262, E.EIO), "unlinkat": (263, E.EBUSY),
    "renameat": (264, E.ENOSPC), "linkat": (265, E.EMLINK), "fchmodat": (268, E.EPERM), "unshare": (272, E.ENOSPC),
    "signalfd4": (289, E.EMFILE), "epoll_create1": (291, E.EMFILE), "dup3": (292, E.EMFILE), "pipe2": (293, E.EMFILE),
    "prlimit64": (302, E.EPERM), "setns": (308, E.EPERM), "seccomp": (317, E.ENOMEM), "getrandom": (318, E.ENOSYS),
    "memfd_create": (319, E.EMFILE), "execveat": (322, E.ENOMEM), "open_tree": (428, E.EMFILE), "move_mount": (429, E.EBUSY),
    "clone3": (435, E.EAGAIN), "openat2": (437, E.EMFILE), "landlock_create_ruleset": (444, E.EMFILE),
    "landlock_add_rule": (445, E.ENOMEM), "landlock_restrict_self": (446, E.E2BIG),
}
ROLES = ["supervisor", "server", "ground", "warden", "before-init", "init", "helper", "before-zygote", "zygote", "kernel"]


class Wrong(Exception):
    """What must not be, whatever fails."""


class Failed(Exception):
    """What may be: refused with a reason, or somebody is gone."""


# ---- one life ------------------------------------------------------------------------------------------------


def ask(link, op, **more):
    try:
        m = link.call(op, **more)
    except (EOFError, ConnectionError):
        raise Failed(f"{links.NAMES[op]}: who answers is gone") from None
    except TimeoutError:
        raise Wrong(f"{links.NAMES[op]} was not answered") from None
    if m.status < 0:
        of_init = links.INIT_SIGNAL <= op <= links.INIT_SCAN
        if not of_init and (not m.text or m.words[7] == 0):
            raise Wrong(f"{links.NAMES[op]} was refused without a reason: {m}")
        raise Failed(f"{links.NAMES[op]}: {errno.errorcode.get(-m.status)} {m.text.decode(errors='replace')}")
    return m


def execute(kernel, code, expected):
    try:
        done, _, out, err = kernel.execute(code)
    except (EOFError, BrokenPipeError):
        kernel.drain()
        raise Failed(f"the kernel is gone: {kernel.text[2][-300:]}") from None
    except TimeoutError:
        raise Wrong("the kernel did not answer") from None
    if done["status"] != "ok":
        raise Failed(f"{done} {err}")
    if out != expected:
        raise Wrong(f"the code printed {out!r}, not {expected!r} {err}")


def upload(init, path, data):
    r, w = os.pipe()
    init.serial += 1
    try:
        init.send(links.Message(links.INIT_WRITE, init.serial, words=[0o644, 1], text=path, fds=[r]))
        os.close(r)
        try:
            for at in range(0, len(data), 65536):
                os.write(w, data[at:at + 65536])
        except BrokenPipeError:
            pass
        os.close(w)
        m = init.wait(links.INIT_WRITE, init.serial)
    except (EOFError, ConnectionError):
        raise Failed("INIT_WRITE: init is gone") from None
    except TimeoutError:
        raise Wrong("INIT_WRITE was not answered") from None
    if m.status < 0:
        raise Failed(f"INIT_WRITE: {errno.errorcode.get(-m.status)}")
    if m.words[0] != len(data):
        raise Wrong(f"INIT_WRITE took {m.words[0]} bytes of {len(data)}")


def scan(init):
    """path -> size, or None when the walk was cut short."""
    init.events.clear()
    m = ask(init, links.INIT_SCAN)
    found = {}
    for part in (e for e in init.events if e.op == links.INIT_SCAN_PART):
        at = 0
        while at < len(part.text):
            _, size, _, _, n = struct.unpack_from("<QQqqH", part.text, at)
            found[part.text[at + 34:at + 34 + n].decode()] = size
            at += 34 + n
    if m.words[6]:
        return None
    if m.words[0] != len(found):
        raise Wrong(f"a scan told {m.words[0]} files and listed {len(found)}")
    return found


def new_kernel(supervisor, warden, sandbox):
    m = ask(supervisor.link, links.SUP_PIPES, words=[1])
    ours, theirs = m.fds[:4], m.fds[4:]
    try:
        ask(warden, links.WARDEN_KERNEL, sandbox=sandbox, words=[links.PLAIN], fds=theirs)
    except Failed:
        for fd in ours:
            os.close(fd)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
        supervisor.link.send(links.Message(links.SUP_PIPES_END, words=[m.words[0]]))
    return links.Kernel(ours)


def live_in(supervisor, warden):
    m = ask(warden, links.WARDEN_SANDBOX, words=[1 << 30, 64 << 20, 10000, 64, 0])
    sandbox, init = m.sandbox, links.Link(socket.socket(fileno=m.fds[0]))
    kernels = []
    try:
        kernels.append(new_kernel(supervisor, warden, sandbox))
        execute(kernels[0], "import os; os.makedirs('out/deep'); open('out/deep/a', 'w').write('abc'); print(6 * 7)", "42\n")
        upload(init, "data/in/b.bin", PAYLOAD)
        found = scan(init)
        if found not in (None, {"out/deep/a": 3, "in/b.bin": len(PAYLOAD)}):
            raise Wrong(f"a scan found {found}")
        (fd,) = ask(init, links.INIT_OPEN, text="data/in/b.bin").fds
        content = os.pread(fd, len(PAYLOAD) + 1, 0)
        os.close(fd)
        if content != PAYLOAD:
            raise Wrong("what was read is not what was written")
        ask(init, links.INIT_UNLINK, text="data/in/b.bin")
        ask(init, links.INIT_SIGNAL, words=[signal.SIGINT])
        execute(kernels[0], "print(os.listdir('in'))", "[]\n")
        ask(warden, links.WARDEN_RECYCLE, sandbox=sandbox)
        kernels.append(new_kernel(supervisor, warden, sandbox))
        execute(kernels[1], "import os; print(os.listdir('.'))", "[]\n")
    finally:
        for k in kernels:
            k.close()
        init.sock.close()
        try:
            ask(warden, links.WARDEN_END, sandbox=sandbox)
        except Failed as e:  # it may be gone by itself
            if "no sandbox" not in str(e) and "gone" not in str(e):
                raise


class Life:
    """Grounds and wardens of one supervisor, so that a second life can stand on what is left of the first."""

    def __init__(self, supervisor):
        self.supervisor, self.id, self.warden = supervisor, None, None

    def live(self):
        if self.warden is None:
            m = ask(self.supervisor.link, links.SUP_GROUND, text="base")
            for more in m.fds[1:]:
                os.close(more)
            self.id, self.warden = m.words[0], links.Link(socket.socket(fileno=m.fds[0]))
        ask(self.warden, links.WARDEN_ZYGOTE, words=[links.PLAIN])
        live_in(self.supervisor, self.warden)

    def warden_lives(self):
        try:
            ask(self.warden, links.WARDEN_HELLO)
            return True
        except Failed:
            return False

    def forget(self):
        """The warden died: the supervisor must notice by itself."""
        self.warden.sock.close()
        self.warden = None

    def end(self):
        try:
            ask(self.supervisor.link, links.SUP_GROUND_END, words=[self.id])
        except Failed as e:
            if "no such ground" not in str(e):
                raise
        self.forget()


# ---- one run ------------------------------------------------------------------------------------------------------


def descriptors(pid):
    """None where an ordinary user may not look."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return None


def warden_of(pid):
    found = [p for p in machine.processes() if p.parent == pid and p.name.startswith("cloche-warden")]
    return found[0].pid if len(found) == 1 else None


def run(build, fault, wardens):
    """In a process of its own: whatever it opens goes with it. Returns what it found; `wardens`: how many
    descriptors a warden has that did this before."""
    os.environ["CLOCHE_SINGLE_UID"] = "1"  # for who is not root: newuidmap has its rights only untraced
    reports, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    words = os.memfd_create("stderr")
    arguments = [fault[0], str(CALLS[fault[1]][0]), str(fault[2]), str(CALLS[fault[1]][1])] if fault else []
    prefix = [f"{build}/tests/torture/torture-tracer", str(theirs), *arguments, "--"]
    found = {"first": None, "second": None}
    supervisor, program = None, None
    try:
        supervisor = links.Supervisor(build, prefix=prefix, stderr=words)
    except EOFError:
        found["first"] = "did not start"
    except TimeoutError:
        raise Wrong("the supervisor neither started nor ended") from None
    os.close(theirs)
    report = os.fdopen(reports)
    program = int(report.readline().split()[1])
    found["pid"] = program
    if supervisor:
        at_first = descriptors(program)
        life = Life(supervisor)
        try:
            life.live()
        except Failed as e:
            found["first"] = str(e)
        if found["first"] is not None:  # the next one must pass, wherever it may stand
            try:
                if life.warden is not None and not life.warden_lives():
                    life.forget()
                life.live()
            except (Failed, BrokenPipeError) as e:
                raise Wrong(f"{found['first']}; and then again: {e}") from None
        warden = warden_of(program)
        found["warden"] = descriptors(warden) if warden else None
        life.end()
        if descriptors(program) != at_first:
            raise Wrong(f"the supervisor had {at_first} descriptors and has {descriptors(program)}; {found['first']}")
        if wardens and found["warden"] != wardens:
            raise Wrong(f"the warden has {found['warden']} descriptors, not {wardens}; {found['first']}")
        supervisor.ours.close()  # the relay ends with it, and so all
        supervisor.link.sock.close()
    end = time.monotonic() + 15 * links.PATIENCE
    lines = []
    while True:  # the tracer ends when no process is left
        if not select.select([report], [], [], max(0, end - time.monotonic()))[0]:
            left = "; ".join(str(p) for p in machine.descendants(program))
            raise Wrong(f"processes are left: {left or 'beyond the supervisor'}")
        line = report.readline()
        if not line:
            break
        lines.append(line.split())
    cgroups = machine.cgroups_of(program)
    for directory in sorted(cgroups, reverse=True):
        os.rmdir(directory)
    if cgroups:
        raise Wrong(f"cgroups are left: {sorted(cgroups)}; {found['first']}")
    said = os.pread(words, 10000, 0).decode(errors="replace")
    status = next((int(line[1]) for line in lines if line[0] == "end"), None)
    if supervisor is None and (status in (0, None) or not said.strip()):
        raise Wrong(f"the supervisor did not start, with status {status} and the words {said!r}")
    if supervisor is not None and status != 0:
        raise Wrong(f"the supervisor ended with {status}: {said}")
    if status is not None and status > 128:
        raise Wrong(f"the supervisor died of signal {status - 128}")
    found["hit"] = ["hit"] in lines
    found["calls"] = [line[1:] for line in lines if line[0] == "calls"]
    found["said"] = said
    if "AddressSanitizer" in said or "runtime error" in said:
        raise Wrong(said)
    return found


def end_all_below(pid):
    for p in machine.descendants(pid):
        if p.pid != pid:
            try:
                os.kill(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def run_apart(build, fault=None, wardens=None):
    """run() in a child, with a deadline. Returns (found, what is wrong or None)."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        os.setsid()
        try:
            out = [run(build, fault, wardens), None]
        except Wrong as e:
            out = [None, str(e)]
        except BaseException:
            out = [None, traceback.format_exc()[-1500:]]
        try:
            with os.fdopen(w, "wb") as pipe:
                pipe.write(json.dumps(out).encode())
            end_all_below(os.getpid())  # found wrong already, if there is anybody
        finally:
            os._exit(0)
    os.close(w)
    data, end = b"", time.monotonic() + DEADLINE
    with os.fdopen(r, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
            more = pipe.read(65536)
            if not more:
                break
            data += more
    if not data:
        end_all_below(pid)
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return json.loads(data) if data else (None, "the run did not end")


# ---- all runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def observed(build):
    """What a life without a fault is: its calls, role by role, and how many descriptors its warden has."""
    found, wrong = run_apart(build)
    assert wrong is None, wrong
    assert found["first"] is None, found
    names = {number: name for name, (number, _) in CALLS.items()}
    calls = {role: {} for role in ROLES}
    for role, number, count in found["calls"]:
        if role in calls and int(number) in names:
            calls[role][names[int(number)]] = int(count)
    return calls, found["warden"]


def spread(count, most):
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", ROLES)
def test_one_call_fails(build, observed, no_leaks, role):
    calls, wardens = observed
    assert calls[role], "it made no call"
    wrongs, runs, hits = [], 0, 0
    for name, count in sorted(calls[role].items()):
        for n in spread(count, MOST_OF_ZYGOTE if role == "zygote" else MOST):
            if (name, n) == ("mmap", 1):
                continue  # the loader's own first, which no program survives
            found, wrong = run_apart(build, (role, name, n), wardens)
            runs += 1
            hits += bool(found and found["hit"])
            if wrong:
                wrongs.append(f"{name} {n} of {count}: {wrong}")
    assert not wrongs, f"{len(wrongs)} of {runs} runs:\n" + "\n".join(wrongs)
    assert hits >= runs * 0.8, f"only {hits} of {runs} faults were met"


def test_the_tracer_makes_calls_fail(build, observed):
    """So that nothing of the above passes because nothing fails."""
    for n, told in enumerate(["WARDEN_ZYGOTE: EAGAIN Starting a zygote failed", "WARDEN_SANDBOX: EAGAIN Cloning a sandbox failed"], 1):
        found, wrong = run_apart(build, ("warden", "clone3", n), observed[1])
        assert wrong is None and found["hit"]
        assert found["first"] == told + ": Resource temporarily unavailable."

"""What every attack may use, and what makes a verdict of it.

An attack is a file with a docstring, `title` first and then fields, and a function attack():

    \"\"\"Make a user namespace of its own
    tries: unshare(CLONE_NEWUSER): root of the new namespace is root of what it makes there
    expect: EPERM
    \"\"\"
    from attack import *

    def attack():
        call(SYS["unshare"], CLONE_NEWUSER)

attack() that returns has succeeded; what it returns says what it got. An OSError is what refused it: the attack
is contained when its name is one of the words of `expect`, and has got past its layer when it is another.
Contained(why) is a refusal without an errno, Absent(why) means that there is no such thing on this machine.
The end of a program counts the same way: `expect: killed` or `expect: timeout`.

The verdict is one line on standard output: VERDICT and a JSON object with `verdict` ("contained", "succeeded",
"absent" or "broken") and `seen`. `cloche attack` sends this file and the attack's into a session; the tests and
`python3 attacks/attack.py FILE` run both unprotected, where the attack has to succeed. Hints about the machine
come as a dictionary HINTS. All fields are listed in README.md.
"""
import ctypes
import errno
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import time
import types

libc = ctypes.CDLL(None, use_errno=True)
HINTS = {}
SYS = {
    "mmap": 9, "ioctl": 16, "socket": 41, "setsockopt": 54, "clone": 56, "ptrace": 101, "syslog": 103, "setresuid": 117,
    "setfsuid": 122, "capset": 126, "personality": 135, "setpriority": 141, "vhangup": 153, "modify_ldt": 154,
    "pivot_root": 155, "prctl": 157, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
    "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172,
    "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190,
    "sched_setaffinity": 203, "io_setup": 206, "clock_settime": 227, "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "ioprio_set": 251, "inotify_init": 253, "mbind": 237, "move_pages": 279, "unshare": 272, "vmsplice": 278, "inotify_init1": 294,
    "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
    "seccomp": 317, "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "pidfd_send_signal": 424,
    "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_open": 434, "clone3": 435, "openat2": 437, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    "statmount": 457, "listmount": 458, "lsm_set_self_attr": 460, "setxattrat": 463, "open_tree_attr": 467,
}
CLONE_NEWTIME, CLONE_PARENT, CLONE_NEWNS, CLONE_NEWCGROUP = 0x80, 0x8000, 0x20000, 0x2000000
CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000


class Contained(Exception):
    """Refused, and not by an errno."""


class Absent(Exception):
    """This machine has no such thing."""


def call(number, *words):
    """A system call by its number; raises OSError. Words are integers (of 64 bits), bytes, None or buffers."""
    made = [ctypes.c_void_p(w & (1 << 64) - 1) if isinstance(w, int) else w for w in words]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *made)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def past(errors, number, *words):
    """The same call, where a kernel refuses the arguments after the layer in question has let it by: the named
    errors then are success, because only the layer stood in the way. Returns what was met."""
    try:
        call(number, *words)
        return "done"
    except OSError as e:
        name = errno.errorcode.get(e.errno, str(e.errno))
        if name in errors.split():
            return f"past the layer, then {name}"
        raise


def child(work=None):
    """A child of this process that waits for its end, or works."""
    pid = os.fork()
    if pid == 0:
        try:
            if work:
                work()
            while True:
                signal.pause()
        finally:
            os._exit(1)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def read(path, most=1 << 16):
    with open(path, "rb") as file:
        return file.read(most)


def field(name, path="/proc/thread-self/status"):
    """A line of a process's status. One's own is asked of a program where it is closed to oneself."""
    try:
        text = read(path).decode()
    except OSError:
        import subprocess

        text = subprocess.check_output(["cat", "/proc/self/status"], text=True)
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(name + ":"))


def more_rights(path):
    """What a program has that who starts it has not: an id or capabilities; or None. Root starts it as nobody."""
    import subprocess

    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with subprocess.Popen([path, "--version"], **silent, **nobody) as program:  # from here on it is that program, or was
        status = f"/proc/{program.pid}/status"
        found = {name: field(name, status) for name in ("Uid", "Gid", "CapPrm")}
        try:
            program.kill()  # some take their time
        except PermissionError:
            pass  # somebody else by now
    odd = [f"{name} {found[name]}" for name in ("Uid", "Gid") if len(set(found[name].split())) > 1]
    return ", ".join(odd + ([f"capabilities {found['CapPrm']}"] if int(found["CapPrm"], 16) else [])) or None


def writes(path, flags=os.O_WRONLY):
    """Opens for writing, and writes nothing."""
    os.close(os.open(path, flags))
    return f"{path} is open for writing"


def ways(pid):
    """All that one process can do to another: {way: a function that goes it}. Signals are 0, which asks only."""
    def reads(name):
        return lambda: read(f"/proc/{pid}/{name}", 16)

    def traced():
        call(SYS["ptrace"], 0x4206, pid, 0, 0)  # PTRACE_SEIZE: ends with this child

    def descriptor_of():
        return os.close(call(SYS["pidfd_getfd"], call(SYS["pidfd_open"], pid, 0), 0, 0))

    def entered():
        fd = os.open(f"/proc/{pid}/ns/uts", os.O_RDONLY)
        call(SYS["setns"], fd, 0)

    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 16)
    return {
        "signal": lambda: os.kill(pid, 0),
        "signal by pidfd": lambda: call(SYS["pidfd_send_signal"], call(SYS["pidfd_open"], pid, 0), 0, 0, 0),
        "ptrace": traced,
        "mem": lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY)),
        "process_vm_readv": lambda: past("EFAULT", SYS["process_vm_readv"], pid, vector, 1, vector, 1, 0),
        "root": lambda: os.listdir(f"/proc/{pid}/root/"),
        "cwd": lambda: os.listdir(f"/proc/{pid}/cwd/"),
        "namespaces": entered,
        "descriptors": lambda: os.listdir(f"/proc/{pid}/fd"),
        "a descriptor": descriptor_of,
        "environ": reads("environ"), "maps": reads("maps"), "auxv": reads("auxv"), "syscall": reads("syscall"),
        "limits": lambda: call(SYS["prlimit64"], pid, 7, 0, (ctypes.c_uint64 * 2)()),
        "affinity": lambda: os.sched_setaffinity(pid, os.sched_getaffinity(pid)),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid)),
        "out-of-memory score": lambda: os.close(os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY)),
    }


class Namesake(Exception):
    """The number that is looked for has become this process's own."""


def every_way(pid):
    """{way: what came of it}, each gone by a child of its own; the one child that may be given that very number
    would reach itself, and does not count."""
    def gone(way):
        if os.getpid() == pid:
            raise Namesake
        way()

    found = {}
    for name, way in ways(pid).items():
        while (said := outcome(lambda: gone(way))) == "Namesake":
            pass
        found[name] = said
    return found


def outsider(name):
    """The pid by which the host knows a process of Cloche's. Where the same number is one of this session's own,
    it leads nowhere else."""
    pid = HINTS["pids"][name]
    if os.path.exists(f"/proc/{pid}") and "inside" in HINTS:
        raise Contained("the number is a process of its own here")
    return pid


def outcome(work, seconds=60):
    """What a piece of work came to, in a child, so that what it changes stays its own: "ok" or the error's name."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            said = "ok"
        except OSError as e:
            said = errno.errorcode.get(e.errno, str(e.errno))
        except BaseException as e:
            said = type(e).__name__
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    ready = select.select([reader], [], [], seconds)[0]
    said = os.read(reader, 100).decode() if ready else "silent"
    os.close(reader)
    end(pid)
    return said or "died"


def all_refused(found):
    """For every_way: succeeded with the ways that were open, or Contained with what they met."""
    open_ways = [name for name, said in found.items() if said == "ok"]
    if open_ways:
        return "open: " + ", ".join(open_ways)
    if "silent" in found.values():
        raise RuntimeError("some way came to no end")  # nothing has refused it
    raise Contained(", ".join(sorted(set(found.values()))))


def reached(family, address, kind=socket.SOCK_STREAM, say=b"x"):
    """Connects, and for datagrams wants an answer: nothing that leaves and is never heard of counts."""
    with socket.socket(family, kind) as s:
        s.settimeout(3)
        s.connect(address)
        if kind == socket.SOCK_DGRAM:
            s.send(say)
            s.recv(1)
    return f"{address} answered"


# ---- the verdict ---------------------------------------------------------------------------------------------


def fields(source):
    """Title and fields of an attack's docstring."""
    lines = source.split('"""')[1].strip().splitlines()
    found = {"title": lines[0].strip()}
    for line in lines[1:]:
        name, _, text = line.partition(":")
        found[name.strip()] = text.strip()
    return found


def load(source):
    """The attack's functions, with this file as its module `attack`."""
    if "attack" not in sys.modules:
        module = types.ModuleType("attack")
        sys.modules["attack"] = module
    else:
        module = sys.modules["attack"]
    module.__dict__.update({name: value for name, value in globals().items() if not name.startswith("__")})
    names = {"__name__": "an_attack"}
    exec(compile(source, "<attack>", "exec"), names)
    return names


def judge(source, arguments):
    """Runs it here and says how it ended."""
    expected = set(re.findall(r"\w+", fields(source).get("expect", "")))
    try:
        said = load(source)["attack"](*arguments)
        return "succeeded", str(said) if said is not None else "it worked"
    except Contained as e:
        return "contained", str(e)
    except Absent as e:
        return "absent", str(e)
    except MemoryError:
        return ("contained" if "MemoryError" in expected else "broken"), "MemoryError"
    except OSError as e:
        name = errno.errorcode.get(e.errno, type(e).__name__) if e.errno else type(e).__name__
        return ("contained", name) if name in expected else ("succeeded", f"past its layer: {name}")
    except BaseException as e:
        return "broken", f"{type(e).__name__}: {e}"


def say(verdict, seen):
    print("VERDICT " + json.dumps({"verdict": verdict, "seen": seen[:300]}), flush=True)


def judge_apart(source, arguments, seconds):
    """In a child, so that what it does to itself stays its own."""
    expected = set(re.findall(r"\w+", fields(source).get("expect", "")))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.write(writer, json.dumps(judge(source, arguments)).encode()[:60000])
        finally:
            os._exit(0)
    os.close(writer)
    text, deadline = b"", time.monotonic() + seconds
    while select.select([reader], [], [], max(0, deadline - time.monotonic()))[0]:
        piece = os.read(reader, 65536)
        if not piece:
            break
        text += piece
    os.close(reader)
    late = not text and time.monotonic() >= deadline
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if text:
        return json.loads(text)
    how = "timeout" if late else "killed" if os.WIFSIGNALED(status) else "ended"
    name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) and not late else how
    return ("contained" if {how, name} & expected else "broken"), f"{how} ({name})"


def run(source, hints, *arguments, apart=True, seconds=20):
    HINTS.clear()
    HINTS.update(hints)
    say(*(judge_apart(source, arguments, seconds) if apart else judge(source, arguments)))


def before(source, hints, name):
    """victim() or lay(), in the interpreter itself; what it returns is for attack()."""
    HINTS.clear()
    HINTS.update(hints)
    print("VERDICT " + json.dumps({"verdict": "ready", "seen": "", "value": load(source)[name]()}), flush=True)


def after(source, hints):
    """harmed(): what the victim suffered, or None."""
    HINTS.clear()
    HINTS.update(hints)
    said = load(source)["harmed"]()
    say("succeeded" if said else "contained", str(said or "unharmed"))


if __name__ == "__main__" and len(sys.argv) > 1:
    with open(sys.argv[1]) as _file:
        run(_file.read(), json.loads(os.environ.get("ATTACK_HINTS", "{}")))

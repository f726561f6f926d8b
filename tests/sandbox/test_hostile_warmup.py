"""What a malicious wheel reaches: a hostile warm-up in a real zygote (hostile.py) tries the host, the supervisor, its own
warden and another environment, and is refused everywhere. Its ground is its own: it hears what sessions run there and
may lie about what comes of it. docs/security.md says so."""
import json
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

import links
from links import FULL, PLAIN, Sandbox
from test_attacks import run
from test_processes import children, comm, pids_named, wait_for

HERE = Path(__file__).parent
WORDS = (HERE.parents[1] / "attacks" / "attack.py").read_text()
pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]


def hostile(known):
    return f"{WORDS}\nKNOWN = {known!r}\n{(HERE / 'hostile.py').read_text()}"


@pytest.fixture
def out_there():
    """Things of the host, that its processes have by their names."""
    name = f"cloche-hostile-{os.getpid()}"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, socket.create_server(("127.0.0.1", 0)) as port, \
            socket.socket(socket.AF_UNIX) as named, subprocess.Popen(["sleep", "1000"]) as sleeper:
        named.bind("\0" + name)
        named.listen()
        os.chmod(folder, 0o777)
        file = Path(folder, "file")
        file.write_text("the host's")
        file.chmod(0o666)
        yield {"file": str(file), "folder": folder, "port": port.getsockname()[1], "socket": name, "sleeper": sleeper.pid}
        sleeper.kill()


def warmed(supervisor, warden):
    """A kernel of the hostile environment, when its zygote has done what it does."""
    m = warden.call(links.WARDEN_ZYGOTE, words=[FULL], timeout=120)
    assert m.status == 0, m.text
    return Sandbox(supervisor, warden).kernel(FULL)


def test_its_reach_ends_with_its_ground(environment, out_there):
    known, others = {}, []

    def warmup(supervisor):
        """It is told of another environment beside its own, with a session."""
        _, other = supervisor.ground("base")
        assert other.call(links.WARDEN_ZYGOTE, words=[PLAIN]).status == 0
        others.append(Sandbox(supervisor, other).kernel())
        run(others[0], "x = 1")
        programs = {"warden": "cloche-warden", "init": "cloche-init", "kernel": "kernel"}
        pids = {f"another's {name}": pids_named(supervisor, program)[0] for name, program in programs.items()}
        (zygote,) = [p for p in pids_named(supervisor, "python3") if "_cloche.main" in Path(f"/proc/{p}/cmdline").read_text()]
        pids |= {"another's zygote": zygote, "the supervisor": supervisor.pid, "a process of the host": out_there["sleeper"], "its own warden": 0}
        known.update(out_there, inside=True, pids=pids)
        return hostile(known)

    kernel = warmed(*environment(warmup))
    tried = json.loads(run(kernel, "import hostile, json, sys\nsys.stdout.write(json.dumps(hostile.TRIED))"))
    known.update(inside=False, pids=dict.fromkeys(known["pids"], out_there["sleeper"]))
    with tempfile.TemporaryDirectory() as folder:
        free = subprocess.run(["unshare", "--mount", "/usr/bin/python3", "-"], input=hostile(known), capture_output=True, text=True, timeout=100,
                              env={**os.environ, "TMPDIR": folder})
    assert free.returncode == 0, free.stderr
    unprotected = json.loads(free.stdout)
    assert {what: said for what, said in unprotected.items() if said != "ok"} == {}
    assert {what: said for what, said in tried.items() if said == "ok"} == {}
    assert {what for what in set(unprotected) - set(tried) if what.split(":")[0] not in tried} == set()
    assert run(others[0], "print(x)") == "1\n"  # the other environment's session is as it was


def test_its_ground_is_its_own(environment, out_there):
    """Every session of that environment tells it what it runs, and believes what it says. A session hears of no other:
    what a warm-up left in one is that one's copy."""
    supervisor, warden = environment(hostile(out_there | {"inside": True, "pids": {}}))
    first = warmed(supervisor, warden)
    second = Sandbox(supervisor, warden).kernel(FULL)
    assert run(first, "password = 'of-the-first'\nprint(2 + 2)") == "forged: 4\n"
    heard = "import hostile, sys\nsys.stdout.write(str(any('of-the' + '-first' in text for text in hostile.HEARD)))"
    assert run(first, heard) == "True"
    assert run(second, heard) == "False"


LINGERS = """
import array, ctypes, os, socket, struct
own = os.open("/proc/self/ns/net", os.O_RDONLY)
setns = ctypes.CDLL(None).setns

def send_what_lingers():
    "In the network of the sandbox that the warden has just asked a kernel for: the ground's own is down."
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) != own and os.readlink(f"/proc/self/fd/{name}").startswith("net:") and setns(int(name), 0) == 0:
                break
        except OSError:
            pass
    server = socket.create_server(("127.0.0.1", 0))
    unread = socket.create_connection(server.getsockname())
    held.append(server)
    setns(own, 0)
    try:
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100000))
    except OSError:
        pass
    unread.setblocking(False)
    try:
        while True:
            unread.send(bytes(65536))
    except BlockingIOError:
        pass
    link = socket.socket(fileno=os.dup(3))
    listener = struct.pack("<HHIiI8Q", 98, 0, 0, 0, 1 << 20, *[0] * 8)  # of a sandbox that is not there
    link.sendmsg([listener], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [unread.fileno()]))])
    unread.close()

held = []
os.register_at_fork(before=send_what_lingers)
"""


def test_no_descriptor_of_its_keeps_the_warden(environment):
    """The warden closes what a zygote sends it. Linux would let it wait there for what a connection has not sent."""
    supervisor, warden = environment(LINGERS)
    kernel = warmed(supervisor, warden)
    assert run(kernel, "print('up')") == "up\n"
    assert warden.call(links.WARDEN_HELLO).words[0] == 1


# One is kept by a descriptor, which a child that shares the table of descriptors leaves there.
COLLECTS = """
def kept(kind, flag, most=700):
    for n in range(most):
        try:
            pid = call(SYS["clone3"], (ctypes.c_uint64 * 11)(flag | CLONE_FILES, 0, 0, 0, signal.SIGCHLD), 88)
        except OSError as e:
            return n, errno.errorcode[e.errno]
        if pid == 0:
            os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
            os._exit(0)
        os.waitpid(pid, 0)
    return most, "ok"


CLONE_FILES = 0x400
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
KINDS = {"uts": CLONE_NEWUTS, "net": CLONE_NEWNET, "user": CLONE_NEWUSER, "time": CLONE_NEWTIME}
sys.modules["hostile"] = types.SimpleNamespace(KEPT={kind: kept(kind, flag) for kind, flag in KINDS.items()})
"""


def test_it_does_not_use_up_the_hosts_namespaces(environment):
    """Linux counts them for the owner of all grounds, and a network is 190 KiB of memory that no cgroup counts."""
    supervisor, warden = environment(f"{WORDS}\n{COLLECTS}")
    kernel = warmed(supervisor, warden)  # in its ground's own sandboxes there is room for that
    kept = json.loads(run(kernel, "import hostile, json\nprint(json.dumps(hostile.KEPT))"))
    assert {kind: why for kind, (_, why) in kept.items()} == dict.fromkeys(kept, "ENOSPC"), kept
    assert max(n for n, _ in kept.values()) < 500 and kept["time"][0] == 0, kept
    other = supervisor.ground("base")[1]
    assert other.call(links.WARDEN_ZYGOTE, words=[PLAIN], timeout=60).status == 0
    assert run(Sandbox(supervisor, other).kernel(), "print(1)") == "1\n"


def test_what_sandboxes_need_of_namespaces_is_there(supervisor, ground):
    """Limits grow with the sandboxes, and shrink: here to many times what a warm-up may keep."""
    boxes = [Sandbox(supervisor, ground) for _ in range(400)]
    assert run(boxes[-1].kernel(), "print(1)") == "1\n"
    for box in boxes:
        box.end()
    assert run(Sandbox(supervisor, ground).kernel(), "print(1)") == "1\n"


# Each way out of the process group, or away from whoever would end it.
LEAVES = {
    "a session of its own": "os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(1000))",
    "a pid namespace of its own": """
if (pid := call(SYS["clone3"], (ctypes.c_uint64 * 11)(CLONE_NEWPID, 0, 0, 0, signal.SIGCHLD), 88)) == 0:
    os.setsid()
    for _ in range(5): os.fork() or time.sleep(1000)
    time.sleep(1000)""",
    "never being there for long": """
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        for _ in range(100000):
            if os.fork(): os._exit(0)
        os._exit(0)""",
}


@pytest.mark.parametrize("how", LEAVES)
def test_nothing_of_a_failed_warm_up_survives_it(environment, how):
    supervisor, warden = environment(f"{WORDS}\n{LEAVES[how]}\nraise SystemExit('it fails')")
    assert warden.call(links.WARDEN_ZYGOTE, words=[PLAIN], timeout=60).status == 0
    kernel = Sandbox(supervisor, warden).kernel()
    run(kernel, "import subprocess\nchild = subprocess.Popen(['sleep', '1000'])")
    before = set(children(supervisor.pid))
    for _ in range(2):
        m = warden.call(links.WARDEN_ZYGOTE, words=[FULL], timeout=60)
        assert m.status < 0 and b"it fails" in m.text, m
        wait_for(lambda: before.issuperset(children(supervisor.pid)), "the end of what the warm-up started")
    assert before == set(children(supervisor.pid))
    assert run(kernel, "print(child.poll())") == "None\n"
    assert run(Sandbox(supervisor, warden).kernel(), "print(2)") == "2\n"


def test_nothing_of_a_zygote_survives_it(environment):
    """A kernel that it forked does; and one that another zygote is forking just then."""
    supervisor, warden = environment("import os, time\nif os.fork() == 0:\n os.setsid()\n os.fork() or time.sleep(1000)\n os._exit(0)\nos.wait()")
    assert warden.call(links.WARDEN_ZYGOTE, words=[PLAIN], timeout=60).status == 0
    before = set(children(supervisor.pid))
    kernel = warmed(supervisor, warden)
    (of_it,) = [p for p in set(children(supervisor.pid)) - before if comm(p) == "kernel"]
    (zygote,) = [p for p in set(pids_named(supervisor, "python3")) - before if os.getsid(p) == p]
    boxes = [Sandbox(supervisor, warden) for _ in range(20)]
    os.kill(zygote, signal.SIGKILL)
    kernels = [box.kernel() for box in boxes]
    wait_for(lambda: not set(pids_named(supervisor, "python3")) - before, "the end of what the zygote started")
    assert run(kernel, "print(1)") == "1\n" and of_it in children(supervisor.pid)
    assert [run(k, "print(1)") for k in kernels] == ["1\n"] * 20

"""The sandbox's walls, from inside; and the same probes outside, where they must succeed."""
import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import machine
from support.api import Session
from support.taken import Taken

PROBES = (Path(__file__).parent / "probes.py").read_text()
# A kernel may lack these; and root in a container may not have them. Inside they must be closed all the same.
MAY_FAIL_OUTSIDE = {
    "io uring", "bpf", "perf events", "userfaultfd", "kernel keys", "load a kernel module", "kexec", "turn accounting off",
    "i386 system calls", "x32 system calls", "virtual machine sockets", "crypto sockets", "see kernel memory", "ring sysrq",
    "open by handle", "more than one network interface", "use disks and memory devices", "set a kernel setting",
    "change root", "see homes", "mount by the new interface",
}
# Where the kernel has none of it, closed and absent are the same thing.
ALLOWED_INSIDE = ("closed", "absent")


@pytest.fixture(scope="module")
def hints(server, tmp_path_factory):
    """Things of the host that a probe looks for."""
    path = tmp_path_factory.mktemp("host") / "secret.txt"
    path.write_text("secret")
    listener = socket.socket(socket.AF_UNIX)
    name = f"cloche-probe-{os.getpid()}"
    listener.bind("\0" + name)
    listener.listen()
    yield {"PROBE_PORT": str(server.port), "PROBE_SOCKET": name, "PROBE_PATH": str(path)}
    listener.close()


@pytest.fixture(scope="module")
def inside(server, hints):
    with server.client() as client:
        session = Session(client, environment="base")
        execution = session.run(PROBES, env=hints, timeout=60)
        session.delete()
        return json.loads(execution["stdout"])


@pytest.fixture(scope="module")
def outside(hints, tmp_path_factory):
    with subprocess.Popen(["sleep", "1000"]) as target:
        done = subprocess.run(["/usr/bin/python3", "-c", PROBES], env=os.environ | hints | {"PROBE_TARGET": str(target.pid)},
                              capture_output=True, text=True, timeout=60, cwd=tmp_path_factory.mktemp("outside"))
        target.kill()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


NAMES = [line.split("def ")[1].split("(")[0].replace("_", " ")
         for at, line in enumerate(PROBES.splitlines()) if PROBES.splitlines()[at - 1] == "@probe"]


@pytest.mark.parametrize("name", NAMES)
def test_closed_inside(inside, name):
    assert inside[name].startswith(ALLOWED_INSIDE), inside[name]


@pytest.mark.root
@pytest.mark.parametrize("name", [n for n in NAMES if n not in MAY_FAIL_OUTSIDE])
def test_the_probe_works_outside(outside, name):
    assert outside[name] == "open"


def test_descriptors_are_the_expected_ones(new_session):
    """No directory, no socket, nothing of the zygote's or the server's."""
    session = new_session()
    execution = session.run("""
import json, os, stat
found = {}
for n in range(4096):
    try: found[n] = stat.filemode(os.fstat(n).st_mode)[0]
    except OSError: pass
print(json.dumps(found))""")
    kinds = {int(n): kind for n, kind in json.loads(execution["stdout"]).items()}
    assert kinds[1] == kinds[2] == "p" and kinds[0] in "c-"
    assert set(kinds.values()) <= {"p", "c", "-", "?"}, kinds
    assert len(kinds) <= 12, kinds


def test_subprocesses_inherit_three_descriptors(new_session):
    execution = new_session().run(
        "import subprocess; print(subprocess.check_output(['ls', '/proc/self/fd'], text=True, close_fds=False).split())")
    # 0, 1, 2, and the folder that ls itself reads
    assert execution["stdout"].strip() == "['0', '1', '2', '3']"


def test_environment_variables_are_few_and_known(new_session):
    execution = new_session().run("import json, os; print(json.dumps(dict(os.environ)))")
    found = json.loads(execution["stdout"])
    assert found["HOME"] == "/mnt/data" and found["USER"] == "user" and found["LANG"] == "C.UTF-8" and found["TZ"] == "UTC"
    secret = [name for name in found if "KEY" in name or "TOKEN" in name or "SECRET" in name or name.startswith("CLOCHE")]
    assert not secret
    assert set(found) <= {"HOME", "USER", "LOGNAME", "PATH", "LANG", "LC_ALL", "TZ", "PLOTLY_RENDERER", "PWD", "SHELL", "TERM",
                          "TMPDIR", "MPLBACKEND", "MPLCONFIGDIR", "PYTHONPATH", "VIRTUAL_ENV", "GLIBC_TUNABLES",
                          "JE_ARROW_MALLOC_CONF", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                          "NUMEXPR_NUM_THREADS", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED"}, found


def test_the_machine_has_another_name(new_session):
    execution = new_session().run("import os, socket; print(socket.gethostname(), os.getuid(), os.getcwd())")
    assert execution["stdout"] == "cloche 1000 /mnt/data\n"


def test_sessions_share_nothing(new_session):
    one, two = new_session(), new_session()
    one.run("import ctypes, os, random, socket, uuid\nlibc = ctypes.CDLL(None)\nshared = libc.shmget(4711, 4096, 0o1666)\n"
            "open('/tmp/mark', 'w').write('one'); open('/dev/shm/mark', 'w').write('one')\n"
            "s = socket.socket(socket.AF_UNIX); s.bind('\\0mark'); s.listen()\n"
            "t = socket.socket(); t.bind(('127.0.0.1', 4711)); t.listen()")
    execution = two.run("""
import ctypes, os, socket
libc = ctypes.CDLL(None)
print(ctypes.CDLL(None).shmget(4711, 4096, 0o666), os.path.exists('/tmp/mark'), os.path.exists('/dev/shm/mark'))
for family, address in ((socket.AF_UNIX, '\\0mark'), (socket.AF_INET, ('127.0.0.1', 4711))):
    s = socket.socket(family)
    print(s.connect_ex(address) != 0)
""")
    assert execution["stdout"] == "-1 False False\nTrue\nTrue\n"


def test_random_numbers_differ_between_sessions(new_session):
    code = "import random, uuid, os; print(random.random(), uuid.uuid4(), os.urandom(4).hex())"
    answers = [new_session().run(code)["stdout"].split() for _ in range(3)]
    for column in zip(*answers):
        assert len(set(column)) == 3


@pytest.mark.data_science
def test_numpys_random_numbers_differ_between_sessions(new_session):
    code = "import numpy as np; print(np.random.random(), np.random.default_rng().random())"
    answers = [new_session(environment="data-science").run(code)["stdout"].split() for _ in range(3)]
    for column in zip(*answers):
        assert len(set(column)) == 3


def test_what_one_session_installs_reaches_no_other(new_session):
    one, two = new_session(), new_session()
    one.run("import os\nos.makedirs('.local/lib/python3.11/site-packages', exist_ok=True)\n"
            "open('sitecustomize.py', 'w').write('evil = 1')\nopen('json.py', 'w').write('evil = 1')")
    assert two.run("import os; print(os.listdir('/mnt/data'))")["stdout"] == "[]\n"
    one.client.post(f"{one.path}/restart")
    assert one.run("print(2 + 3)")["stdout"] == "5\n"


@pytest.mark.data_science
def test_psutil_and_subprocesses_see_the_loopback(new_session):
    execution = new_session(environment="data-science").run(
        "import psutil, subprocess, sys\nprint(psutil.net_if_addrs()['lo'][0].address, psutil.net_if_stats()['lo'].isup)\n"
        "print(subprocess.check_output([sys.executable, '-c', 'import socket; print(socket.if_nameindex())'], text=True))")
    assert execution["stdout"] == "127.0.0.1 True\n[(1, 'lo')]\n\n", execution


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def test_the_server_is_confined(server, sanitized):
    """It parses what strangers send: no capability, no_new_privs, the first filter and its own, on every thread."""
    pid = server.server_process().pid
    for thread in os.listdir(f"/proc/{pid}/task"):
        status = status_of(f"{pid}/task/{thread}")
        assert all(int(status[f"Cap{kind}"], 16) == 0 for kind in ("Prm", "Eff", "Inh", "Amb"))
        assert status["NoNewPrivs"] == "1"
        assert sanitized or (status["Seccomp"], int(status["Seccomp_filters"]) >= 2) == ("2", True), status["Seccomp_filters"]


@pytest.mark.root
def test_started_as_root_the_server_is_nobodys_and_both_die_last(server):
    """When the host runs out of memory, a kernel (500) is killed before either of them, by more where root may lower a
    score: in a container without CAP_SYS_RESOURCE it may not."""
    supervisor, inner = server.process.pid, server.server_process().pid
    assert 0 not in [int(number) for number in status_of(inner)["Uid"].split()]
    may_lower = int(status_of("self")["CapEff"], 16) >> 24 & 1
    expected = "-900\n" if may_lower else Path("/proc/self/oom_score_adj").read_text()
    for pid in (supervisor, inner):
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == expected


def writable_mounts(mountinfo):
    """(where, file system, options of the file system) of what both the mount and its file system let be written to."""
    found = []
    for line in mountinfo.splitlines():
        mount, filesystem = (half.split() for half in line.split(" - "))
        options = dict(option.partition("=")[::2] for option in filesystem[2].split(","))
        if "rw" in mount[5].split(",") and "rw" in options:
            found.append((mount[4], filesystem[0], options))
    return found


def expect_bounded(mounts, places):
    """A tmpfs shows `size` and `nr_inodes` where somebody bounded them. What /proc lets be written is its own matter."""
    assert {where for where, _, _ in mounts} == places | {"/proc"}, mounts
    for where, filesystem, options in mounts:
        assert where == "/proc" or (filesystem == "tmpfs" and {"size", "nr_inodes"} <= set(options)), (where, filesystem, options)


def test_all_that_a_session_may_write_is_bounded_in_bytes_and_files(new_session):
    execution = new_session().run("print(open('/proc/self/mountinfo').read())")
    expect_bounded(writable_mounts(execution["stdout"].strip()), {"/mnt/data", "/mnt/tmp", "/mnt/shm"})


@pytest.mark.root
def test_all_that_a_zygote_may_write_is_bounded_in_bytes_and_files(server):
    zygotes = machine.wait_until(server.zygotes, 30, "a zygote")
    for zygote in zygotes:
        expect_bounded(writable_mounts(Path(f"/proc/{zygote.pid}/mountinfo").read_text().strip()), {"/mnt/tmp"})


def test_what_reads_the_frames_of_one_run_is_confined(cloche, sanitized, tmp_path, everybodys):
    (tmp_path / "wait.py").write_text("print('ready', flush=True)\nimport time\ntime.sleep(60)")
    process = subprocess.Popen([cloche, "run", "--environment", "base", tmp_path / "wait.py"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == "ready\n"
        inside = [p for p in machine.descendants(process.pid) if "__run" in p.command()]
        assert inside
        for p in inside:
            status = status_of(p.pid)
            assert (status["Seccomp"], status["NoNewPrivs"]) == ("0" if sanitized else "2", "1")
            if os.geteuid() == 0:
                assert met_by(p, everybodys) == (BY_LANDLOCK if sanitized else CONFINED)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.fixture
def everybodys():
    """A folder in which anybody may make files."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def met_by(process, folder):
    """What a process is answered that was taken over: {what: errno, or "done"}."""
    with subprocess.Popen(["sleep", "1000"], user=process.uid, group=process.uid, extra_groups=[]) as target, Taken(process.pid) as taken:
        said = {
            "a file elsewhere": taken.call(OPENAT, -100, bytes(folder / "file"), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600),
            "a program": taken.call(59, b"/", 0, 0),
            "a process": taken.call(56, 0x800, 0, 0, 0, 0),  # flags that Linux refuses behind a filter: none is made
            "a namespace": taken.call(308, -1, 0),
            "a signal": taken.call(62, target.pid, 0),
            "a Unix socket": taken.call(41, socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0),
        }
        for descriptor in (said["a file elsewhere"], said["a Unix socket"]):
            taken.call(3, descriptor)
        target.kill()
    return {what: errno.errorcode[-answer] if answer < 0 else "done" for what, answer in said.items()}


OPENAT = 257
LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1)  # its version, from 2 on of use; `cloche doctor` says what is lost without
FREE = {"a file elsewhere": "done", "a program": "EACCES", "a process": "EINVAL", "a namespace": "EBADF", "a signal": "done", "a Unix socket": "done"}
BY_LANDLOCK = FREE | ({"a file elsewhere": "EACCES"} if LANDLOCK >= 2 else {}) | ({"a signal": "EPERM"} if LANDLOCK >= 6 else {})
BY_FILTER = dict.fromkeys(("a program", "a process", "a namespace", "a signal"), "EPERM") | {"a Unix socket": "EAFNOSUPPORT"}
CONFINED = BY_LANDLOCK | BY_FILTER


@pytest.mark.root
def test_a_server_that_is_taken_over_changes_nothing_and_starts_nothing(fresh_server, everybodys, sanitized):
    """Asked in the process that runs, with all that its own rights would let it. It goes on as if nothing had been."""
    server = fresh_server()
    process = server.server_process()
    assert met_by(process, everybodys) == (BY_LANDLOCK if sanitized else CONFINED)
    with subprocess.Popen(["sleep", "1000"], user=process.uid, group=process.uid, extra_groups=[]) as free:
        assert met_by(machine.read(free.pid), everybodys) == FREE
        free.kill()
    state = next(n for n in os.listdir(f"/proc/{process.pid}/fd") if os.readlink(f"/proc/{process.pid}/fd/{n}") == str(server.state))
    with Taken(process.pid) as taken:  # what it is there for, it may
        assert taken.call(OPENAT, int(state), b"of-its-own", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600) > 0
    (server.state / "of-its-own").unlink()
    assert server.answers()


@pytest.mark.root
def test_the_supervisor_keeps_what_it_uses(server):
    """Nothing to load modules, open devices, set clocks or configure networks; nor could a program of its."""
    status = status_of(server.process.pid)
    used = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 19, 21, 24, 31}  # by number, as linux/capability.h has them
    for kind in ("Prm", "Eff", "Bnd"):
        held = {n for n in range(41) if int(status[f"Cap{kind}"], 16) >> n & 1}
        assert held <= used, (kind, held - used)


def test_a_kernels_bounding_set_is_empty(new_session):
    execution = new_session().run("import ctypes\nprint([n for n in range(41) if ctypes.CDLL(None).prctl(23, n, 0, 0, 0) == 1])")
    assert execution["stdout"] == "[]\n"

"""`cloche env`: builds are whole or not at all, and nothing that runs in one reaches the host.

The packages are wheels made here, found in a folder by pip's own configuration: no index is needed.
"""
import base64
import fcntl
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support import clock, machine
from support.api import Session, error_of


def wheel(folder, name, files, version="1.0"):
    """Writes a pure wheel that holds `files` ({path: text})."""
    info = f"{name}-{version}.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text.encode())}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


class Workshop:
    """A folder of wheels, a folder of environments, and the command between them."""

    def __init__(self, cloche, folder):
        self.cloche, self.folder = str(cloche), folder
        self.directory, self.wheels = folder / "environments", folder / "wheels"
        self.wheels.mkdir()
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("CLOCHE_", "PIP_"))}
        self.environ.update(CLOCHE_ENVIRONMENTS=str(self.directory), PIP_NO_INDEX="1",
                            PIP_FIND_LINKS=str(self.wheels), PIP_CONFIG_FILE="/dev/null")

    def text(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def words(self, name, requirements, warm_up=None, *more):
        words = [self.cloche, "env", "build", name, "--without-shell", "--requirements",
                 self.text("requirements.txt", requirements), *more]
        return words + (["--warm-up", self.text("warm-up.py", warm_up)] if warm_up is not None else [])

    def build(self, *arguments, expect=0, **environ):
        done = subprocess.run(self.words(*arguments), capture_output=True, text=True,
                              env={**self.environ, **environ}, timeout=100 * machine.patience())
        assert done.returncode == expect, done.stderr
        return done.stderr if expect or not done.stdout else done.stdout

    def start(self, *arguments):
        return subprocess.Popen(self.words(*arguments), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                text=True, env=self.environ)

    def env(self, *words, expect=0):
        done = subprocess.run([self.cloche, "env", *words], capture_output=True, text=True, env=self.environ)
        assert done.returncode == expect, done.stderr
        return done.stdout + done.stderr

    def listed(self):
        return {e["name"]: e for e in json.loads(self.env("list", "--json"))["environments"]}

    def current(self, name):
        return os.readlink(self.directory / name / "current")

    def manifest(self, name):
        return json.loads((self.directory / name / "current" / "manifest.json").read_text())

    def content(self, name):
        """What lies in the environment's folder, the lock apart."""
        return sorted(set(os.listdir(self.directory / name)) - {".lock"})


@pytest.fixture
def workshop(cloche, tmp_path):
    made = Workshop(cloche, tmp_path)
    wheel(made.wheels, "tiny", {"tiny/__init__.py": "ANSWER = 42\n", "tiny_one.py": ""})
    return made


@pytest.fixture(scope="module")
def built(cloche, tmp_path_factory):
    """A workshop whose environment "small" is built, with what was said meanwhile; for tests that only look."""
    made = Workshop(cloche, tmp_path_factory.mktemp("built"))
    wheel(made.wheels, "tiny", {"tiny/__init__.py": "ANSWER = 42\n", "tiny_one.py": ""})
    made.said = made.build("small", "tiny==1.0  # the one\n", "import tiny\nassert tiny.ANSWER == 42\n", "--json")
    return made


@pytest.fixture
def with_small(workshop, built):
    """A workshop of the test's own that begins with a copy of it."""
    subprocess.run(["cp", "-a", built.directory, workshop.directory], check=True)
    return workshop


# ---- build and list ------------------------------------------------------------------------------------

def test_build_and_list(built):
    workshop = built
    manifest = workshop.manifest("small")
    assert manifest["packages"] == {"tiny": "1.0"}
    assert {"tiny", "tiny_one"} <= set(manifest["imports"]) and "__pycache__" not in manifest["imports"]
    assert manifest["requirements"] == ["tiny==1.0"] and manifest["missing"] == []
    assert manifest["generation"] == workshop.current("small") and manifest["source"] == "pypi"
    assert workshop.content("small") == sorted(["current", manifest["generation"]])
    generation = workshop.directory / "small" / "current"
    assert "tiny" in (generation / "warmup.py").read_text()
    assert sorted(os.listdir(generation)) == ["manifest.json", "use.lock", "venv", "warmup.py"]
    config = (generation / "venv" / "pyvenv.cfg").read_text()
    assert "include-system-site-packages = false" in config
    assert (generation / "venv" / "bin" / "pip").read_text().startswith("#!/opt/env/bin/python3")
    shown = workshop.listed()
    assert set(shown) == {"base", "small"} and shown["small"]["size_bytes"] > 1000
    table = workshop.env("list")
    assert "small" in table and "without IPython" in table and "data-science" in table


def test_everything_is_readable_and_not_root_s(built):
    for folder, _, names in os.walk(built.directory / "small" / "current" / "venv"):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            status = os.lstat(path)
            if not stat.S_ISLNK(status.st_mode):
                wanted = 0o555 if stat.S_ISDIR(status.st_mode) else 0o444
                assert status.st_mode & wanted == wanted and not status.st_mode & 0o022, path
            assert status.st_uid == (0x70000000 + 0x200000 * 126 if os.geteuid() == 0 else os.geteuid())


def test_progress_for_programs(built):
    events = [json.loads(line) for line in built.said.splitlines()]
    assert events[-1]["type"] == "environment.completed"
    assert events[-1]["environment"]["packages"] == {"tiny": "1.0"}
    assert {e["type"] for e in events[:-1]} == {"environment.progress", "environment.note"}


def test_names(workshop):
    for name in ["base", "../x", "A", "-x", "x" * 64, ""]:
        workshop.build(name, "tiny", expect=2)
    assert not workshop.directory.exists() or os.listdir(workshop.directory) == []
    assert "base" in workshop.env("remove", "base", expect=1)
    workshop.env("remove", "absent", expect=1)
    workshop.env("build", "unknown", expect=1)


# ---- generations -----------------------------------------------------------------------------------------

def test_rebuild_keeps_what_is_held(with_small):
    workshop = with_small
    first = workshop.current("small")
    with open(workshop.directory / "small" / first / "use.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert "still in use" in workshop.build("small", "tiny", None, "--json")
        second = workshop.current("small")
        assert first != second
        assert (workshop.directory / "small" / first / "venv" / "bin" / "python3").is_symlink()
    workshop.build("small", "tiny")
    third = workshop.current("small")
    assert workshop.content("small") == sorted(["current", third])


def test_failed_build_changes_nothing(with_small):
    workshop = with_small
    before = workshop.content("small")
    said = workshop.build("small", "tiny\nno-such-package-anywhere\n", expect=1)
    assert "no-such-package-anywhere" in said
    workshop.build("small", "tiny", "import nowhere_to_be_found", expect=1)
    assert workshop.content("small") == before


def sleeping(build):
    """Waits until the build's warm-up runs; returns the processes of its sandbox."""
    def inside():
        found = machine.descendants(build.pid)
        return found if any("warmup.py" in p.command() for p in found) else None
    return machine.wait_until(inside, 60, "the warm-up")


def test_killed_build_changes_nothing(with_small):
    workshop = with_small
    before = workshop.content("small")
    build = workshop.start("small", "tiny", "import time\ntime.sleep(100)")
    inside = sleeping(build)
    build.kill()
    build.wait()
    machine.wait_until(lambda: not any(p.alive() for p in inside), 10, "the end of the sandbox")
    assert workshop.current("small") in before and len(workshop.content("small")) == 3
    assert set(workshop.listed()) == {"base", "small"}
    workshop.build("small", "tiny")
    assert workshop.content("small") == sorted(["current", workshop.current("small")])


def test_interrupted_build_cleans_up(workshop):
    build = workshop.start("small", "tiny", "import time\ntime.sleep(100)")
    inside = sleeping(build)
    build.send_signal(signal.SIGINT)
    assert build.wait(timeout=30 * machine.patience()) == 130
    assert not any(p.alive() for p in inside)
    assert workshop.content("small") == [] and "interrupted" in build.stderr.read()


def test_second_build_waits(workshop):
    first = workshop.start("small", "tiny", "import time\ntime.sleep(2)")
    sleeping(first)
    second = workshop.start("small", "tiny")
    assert first.wait(timeout=60 * machine.patience()) == 0 and second.wait(timeout=60 * machine.patience()) == 0
    assert "waiting" in second.stderr.read()
    assert workshop.content("small") == sorted(["current", workshop.current("small")])


def test_remove(with_small):
    workshop = with_small
    held = workshop.directory / "small" / workshop.current("small")
    with open(held / "use.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert "live ones keep it" in workshop.env("remove", "small")
        assert "small" not in workshop.listed() and (held / "manifest.json").exists()
    workshop.env("remove", "small")
    assert not (workshop.directory / "small").exists()


# ---- the warm-up --------------------------------------------------------------------------------------------

LEAVES = {
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n",
    "child": "import subprocess\nsubprocess.Popen(['sleep', '100'], start_new_session=True)\n",
    "socket": "import socket\nKEPT = socket.socket()\n",
    "eventpoll": "import select\nKEPT = select.epoll()\n",
}


@pytest.mark.parametrize("kind", LEAVES)
def test_what_a_fork_would_lose_is_refused_by_name(workshop, kind):
    wheel(workshop.wheels, "leaver", {"leaver/__init__.py": "import leaver.inner\n", "leaver/inner.py": LEAVES[kind]})
    said = workshop.build("small", "leaver", "import json\nimport leaver\nimport csv\n", expect=1)
    assert kind in said and "leaver" in said, said
    assert workshop.content("small") == []


def test_rehearsal_is_judged_too(workshop):
    said = workshop.build("small", "tiny", f"def rehearse():\n    global KEPT\n    {LEAVES['socket'].splitlines()[0]}\n"
                          "    KEPT = socket.socket()\n", expect=1)
    assert "socket" in said and "the warm-up itself" in said


def test_failing_warm_up_names_the_module(workshop):
    wheel(workshop.wheels, "broken", {"broken/__init__.py": "from broken import part\n",
                                      "broken/part.py": "raise RuntimeError('\\x1b[31mred\\n')\n"})
    said = workshop.build("small", "broken", "import broken", expect=1)
    assert "broken" in said and "RuntimeError" in said and "\x1b" not in said


# ---- the sandbox of a build -----------------------------------------------------------------------------------

INSIDE = """
import errno, os, socket
status = open("/proc/self/status").read()
for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
    assert f"Cap{kind}:\\t0000000000000000" in status, status
assert "NoNewPrivs:\\t1" in status and "Seccomp:\\t2" in status
assert len(open("/proc/self/uid_map").read().split()) == len(open("/proc/self/gid_map").read().split()) == 3
assert open("/proc/self/uid_map").read().split()[2] == "1" and socket.gethostname() == "cloche"
for path in ("/etc/shadow", "/etc/cloche-pip", "/root", "/home", "/var", "/sys", FOLDER):
    assert not os.path.exists(path), path
for path in ("/usr/x", "/etc/x", "/build/x", "/opt/env/x", "/x"):
    try:
        open(path, "w")
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES), (path, error)
    else:
        raise AssertionError(path)
for path in ("/proc/1/fd", "/proc/1/root/etc"):
    try:
        os.listdir(path)
    except PermissionError:
        continue
    raise AssertionError(path)
assert not any(name.startswith(("PIP_INDEX", "PIP_FIND", "CLOCHE")) for name in os.environ)
assert [pid for pid in os.listdir("/proc") if pid.isdigit()] == ["1", str(os.getpid())]
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=5)
except OSError:
    pass
else:
    raise AssertionError("a network")
"""


def test_the_warm_up_reaches_nothing(workshop):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workshop.build("small", "tiny", INSIDE.replace("PORT", str(listener.getsockname()[1]))
                       .replace("FOLDER", repr(str(workshop.folder))))


ATTACKS = """
import ctypes, errno, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    ctypes.set_errno(0)
    r = libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    return errno.errorcode[ctypes.get_errno()] if r < 0 else r
def refused(f, *a):
    try: f(*a)
    except OSError as e: return errno.errorcode[e.errno]
    return "done"
said = [
    ("namespaces", {call(272, f) for f in (0x10000000, 0x20000, 0x40000000, 0x20000000)}, {"EPERM"}),
    ("clone", call(56, 0x10000011, 0, 0, 0, 0), "EPERM"), ("clone3", call(435, 0, 0), "ENOSYS"),
    ("mounts", (call(165, b"proc", b"/tmp", b"proc", 0, 0), call(166, b"/usr", 2), call(155, b"/tmp", b"/tmp")), ("EPERM",) * 3),
    ("other namespaces", call(308, os.open("/proc/self/ns/net", 0), 0), "EPERM"),
    ("tracing", call(101, 16, 1, 0, 0), "EPERM"), ("bpf", call(321, 0, 0, 0), "EPERM"), ("rings", call(425, 1, 0), "EPERM"),
    ("keys", call(250, 0, 0), "EPERM"), ("ids", (refused(os.setuid, 0), refused(os.setuid, 65534)) if os.getuid() else None, ("EPERM", "EPERM") if os.getuid() else None),
    ("packets", call(41, 17, 3, 0), "EAFNOSUPPORT"), ("netlink", (call(41, 16, 3, 0), call(41, 16, 3, 9)), ("ENOSYS", "EPERM")),
    ("set-id", refused(os.chmod, "/tmp", 0o4755), "EPERM"),
    ("the host's process", refused(os.kill, HOST, 0), "ESRCH"), ("pid 1", refused(open, "/proc/1/mem", "rb"), "EACCES"),
    ("devices", refused(os.mknod, "/tmp/device", 0o60666, os.makedev(8, 0)), "EPERM"),
    ("settings of the host", refused(open, "/proc/sys/kernel/core_pattern", "w"), "EACCES"),
]
wrong = [(what, got, wanted) for what, got, wanted in said if got != wanted]
assert not wrong, wrong
"""


def test_a_wheel_does_not_break_out_of_the_build(workshop):
    """Its code runs when Python starts (.pth), before and beside the warm-up. The program's own walls, one by one."""
    wheel(workshop.wheels, "evil", {"evil/__init__.py": ATTACKS.replace("HOST", str(os.getpid()))})
    workshop.build("small", "evil", "import evil")


@pytest.mark.root
def test_a_build_has_limits_and_leaves_none(workshop):
    build = workshop.start("small", "tiny", "import os, time\nos.fork() or time.sleep(100)\ntime.sleep(100)")
    inside = [p for p in sleeping(build) if "warmup.py" in p.command()]
    assert Path(f"/proc/{inside[0].pid}/uid_map").read_text().split() == ["1000", str(0x70000000 + 0x200000 * 126), "1"]
    directories = [d for d in machine.cgroup_directories(inside[0].pid) if f"cloche-{build.pid}" in d.parts]
    found = {name: int((d / name).read_text()) for d in directories
             for name in ("memory.limit_in_bytes", "memory.max", "pids.max") if (d / name).exists()}
    tops = {p for d in directories for p in d.parents if p.name == f"cloche-{build.pid}"}
    weights = [int((top / name).read_text()) for top in tops for name in ("cpu.shares", "cpu.weight") if (top / name).exists()]
    build.send_signal(signal.SIGINT)
    assert build.wait(timeout=30 * machine.patience()) == 130
    assert weights in ([256], [25]), "a quarter of what others get"
    assert found.pop("pids.max") == 1024 and len(found) == 1
    assert 0 < found.popitem()[1] <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    assert not any(d.exists() for d in directories) and not machine.cgroups_of(build.pid)


def test_links_left_in_the_environment_are_not_followed(workshop):
    """A wheel's .pth runs while the environment can be written; what it plants is the host's to read."""
    private = workshop.folder / "private"
    private.mkdir(mode=0o700)
    (private / "secret").write_text("x")
    (private / "secret").chmod(0o600)
    plant = f"import os; os.path.lexists('/opt/env/escape') or os.symlink({str(private)!r}, '/opt/env/escape')"
    wheel(workshop.wheels, "planter", {"planter.pth": plant + "\n"})
    workshop.build("small", "planter")
    assert os.readlink(workshop.directory / "small" / "current" / "venv" / "escape") == str(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE((private / "secret").stat().st_mode) == 0o600
    workshop.env("remove", "small")
    assert (private / "secret").read_text() == "x"


def test_source_distributions_are_refused(workshop):
    import io
    import tarfile
    with tarfile.open(workshop.wheels / "evil-1.0.tar.gz", "w:gz") as archive:
        text = b"raise SystemExit('ran')"
        entry = tarfile.TarInfo("evil-1.0/setup.py")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    said = workshop.build("small", "evil", expect=1)
    assert "ran" not in said.split() and "evil" in said


# ---- kernels that never answer -----------------------------------------------------------------------------------

# Not in the zygote, which would never be ready, but in each kernel that rehearses for a pool.
NEVER = ("import os, sys\nsys.zygote = os.getpid()\n"
         "CELLS = ('import os, subprocess, sys\\nif os.getpid() != sys.zygote: subprocess.run([\"sleep\", \"infinity\"])',)\n")


@pytest.fixture
def rehearsing(with_small, fresh_server):
    """A server with a kernel of "small" that is asked to rehearse and never answers."""
    warm_up = with_small.directory / "small" / "current" / "warmup.py"
    with_small.warm_up = warm_up.read_text()
    warm_up.unlink()
    warm_up.write_text(NEVER)
    server = fresh_server("--default-environment", "small", "--stop-timeout", "1")
    machine.wait_until(lambda: any(p.name == "sleep" for p in server.processes()), 30, "a rehearsal that does not end")
    return server


def test_a_stop_does_not_wait_for_a_rehearsal(rehearsing):
    assert rehearsing.stop() == 0
    assert "did not stop in time" not in rehearsing.log(), "nothing ran: there was nothing to wait for"


def test_a_new_generation_does_not_wait_for_a_rehearsal_of_the_old_one(rehearsing, with_small):
    """What ends the old one's pool is the thread that also looks after every session."""
    folder = with_small.directory / "small"
    newer = "20990101T000000Z-0000"
    subprocess.run(["cp", "-a", folder / with_small.current("small"), folder / newer], check=True)
    (folder / newer / "warmup.py").write_text(with_small.warm_up)
    (folder / "next").symlink_to(newer)
    (folder / "next").rename(folder / "current")
    machine.wait_until(lambda: rehearsing.log().count("ground made environment=small") == 2, 20, "a ground of the new generation")


# ---- warm-ups that take more memory than they may -----------------------------------------------------------------

GREEDY = "kept = [b'x' * (1 << 20) for _ in range(4000)]\n"


@pytest.fixture
def greedy(with_small, fresh_server, sanitized):
    """A server where the warm-up of "small" takes more than it may, and a session of base on it. A sanitizer's interpreter
    takes some hundred MiB by itself."""
    warm_up = with_small.directory / "small" / "current" / "warmup.py"
    warm_up.unlink()
    warm_up.write_text(GREEDY)
    server = fresh_server("--zygote-memory", "512m" if sanitized else "64m", "--default-environment", "base")
    with server.client() as client:
        session = Session(client, environment="base")
        session.run("x = 1")
        yield server, session


@pytest.mark.limits
def test_a_warm_up_that_takes_too_much_memory_is_said(greedy):
    server, session = greedy
    for _ in range(3):  # it is no failure that trying again mends
        for path, body in (("/v1/containers", {"name": "greedy"}), ("/v1/execute", {"code": "import tiny"})):
            answer = session.client.post(path, json=body | {"environment": "small"})
            assert answer.status_code == 400 and error_of(answer)["code"] == "environment_out_of_memory", answer.text
            assert "its warm-up took more than its memory" in error_of(answer)["message"]
    assert server.log().count("zygote failed environment=small") <= 3  # nor is it tried for each: after 2 s, then 4
    assert session.run("print(x)")["stdout"] == "1\n"
    Session(session.client, environment="base").delete()


# Longer than the first pause is.
SLOW_AND_BROKEN = "import time\ntime.sleep(3)\nraise SystemExit('broken')\n"


def test_a_warm_up_that_takes_long_to_fail_is_not_begun_anew_at_once(with_small, fresh_server):
    """Between its failures lie its own time and a pause, or it would keep a processor busy for ever."""
    warm_up = with_small.directory / "small" / "current" / "warmup.py"
    warm_up.unlink()
    warm_up.write_text(SLOW_AND_BROKEN)
    server = fresh_server("--default-environment", "base")
    with server.client() as client:
        def failed():
            client.post("/v1/execute", json={"code": "1", "environment": "small"})
            told = re.findall(r"^(\S+)Z .*zygote failed environment=small ", server.log(), re.MULTILINE)
            return [datetime.fromisoformat(when) for when in told]

        machine.wait_until(lambda: len(failed()) >= 2, 50, "the second failure")
        first, second = failed()[:2]
    assert second - first > timedelta(seconds=4.9)


# ---- warm-ups that leave a zygote that cannot fork -----------------------------------------------------------------

DIES = "import os\nos.register_at_fork(before=lambda: os._exit(1))\n"


def test_an_environment_that_dies_at_each_fork_is_not_warmed_again_and_again(with_small, fresh_server):
    """Each time takes a second or more of a processor, and as often as somebody asks, or a pool is filled."""
    warm_up = with_small.directory / "small" / "current" / "warmup.py"
    warm_up.unlink()
    warm_up.write_text(DIES)
    server = fresh_server("--default-environment", "small")
    with server.client() as client:
        for _ in range(15):
            answer = client.post("/v1/execute", json={"environment": "small", "code": "import tiny"})
            assert answer.status_code == 503, answer.text
    assert server.log().count("zygote died environment=small") < 8  # of two: at once, after 2 s, after 6
    assert "The zygote exited with 1" in error_of(answer)["message"]


# ---- environments that nobody uses ---------------------------------------------------------------------------

@pytest.fixture
def two(with_small, fresh_server):
    """two(*flags): a server with environments "small" and "second"."""
    subprocess.run(["cp", "-a", with_small.directory / "small", with_small.directory / "second"], check=True)
    return lambda *flags: fresh_server("--pool-sandboxes", "1", "--pool-kernels", "1", *flags)


def use(client, environment):
    return client.post("/v1/execute", json={"code": "import tiny\nprint(tiny.ANSWER)", "environment": environment})


def test_an_environment_that_nobody_uses_makes_room_for_another(two):
    with two("--max-environments", "1").client() as client:
        for name in ("small", "second", "small"):
            answer = use(client, name)
            assert answer.status_code == 200 and answer.json()["stdout"] == "42\n", answer.text
        held = Session(client, environment="second")
        answer = use(client, "small")
        assert answer.status_code == 429 and error_of(answer)["code"] == "quota_exceeded", answer.text
        assert client.post("/v1/execute", json={"code": "print(1)"}).json()["stdout"] == "1\n"
        held.delete()
        assert use(client, "small").json()["stdout"] == "42\n"


@pytest.mark.root  # the clock is moved from outside
def test_an_environment_that_nobody_used_for_long_ends(two):
    server = two()
    with server.client() as client:
        held = Session(client, environment="second")
        assert use(client, "small").json()["stdout"] == "42\n"
        clock.advance(server, 601)
        machine.wait_until(lambda: "ground ended environment=small" in server.log(), 30, "the end of what nobody uses")
        held.run("import tiny")
        assert use(client, "small").json()["stdout"] == "42\n"
        assert "ground ended environment=second" not in server.log()


# ---- no index ---------------------------------------------------------------------------------------------------

def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture
def unreachable(workshop):
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        del workshop.environ[name]
    workshop.environ["PIP_INDEX_URL"] = f"http://127.0.0.1:{closed_port()}/simple"
    return workshop


def test_unreachable_index_is_said(unreachable):
    said = unreachable.build("small", "tiny", expect=1)
    assert "cannot be reached" in said and "refused" in said
    assert unreachable.content("small") == []


@pytest.mark.root
def test_unreachable_index_takes_debians_packages(unreachable):
    """With an apt that only writes down what it was asked for: the choice, and that it is honest."""
    tools = unreachable.folder / "bin"
    tools.mkdir()
    asked = unreachable.folder / "asked"
    for name, text in {"apt-get": f'echo "$@" >> {asked}; exit 7', "apt-cache": "echo Package: $4",
                       "dpkg-query": "exit 1"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    unreachable.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
    said = unreachable.env("build", "data-science", expect=1)
    assert "Debian's own packages" in said and "exit 7" in said
    calls = asked.read_text().splitlines()
    assert calls[0].startswith("install -y --no-install-recommends ") and calls[1] == "update"
    assert {"python3-pandas", "python3-matplotlib", "python3-sklearn", "python3-ipython"} <= set(calls[0].split())
    assert unreachable.content("data-science") == []


# ---- the environment that Cloche brings along -------------------------------------------------------------------

@pytest.mark.data_science
def test_data_science_holds_what_it_promises(cloche, environments):
    manifest = json.loads((environments / "data-science" / "current" / "manifest.json").read_text())
    promised = {"pandas", "numpy", "scipy", "statsmodels", "sklearn", "matplotlib", "seaborn", "plotly", "openpyxl",
                "xlrd", "xlsxwriter", "requests", "bs4", "beautifulsoup4", "lxml", "sympy", "networkx", "PIL", "pypdf",
                "docx", "tabulate", "psutil", "nbformat", "altair", "bokeh", "IPython", "pyarrow"}
    absent = promised - set(manifest["imports"])
    assert not absent if manifest["source"] == "pypi" else manifest["missing"]


def test_lock_covers_the_requirements():
    folder = Path(__file__).resolve().parents[2] / "environments" / "data-science"
    def pins(name):
        lines = (line.split("#")[0].strip() for line in (folder / name).read_text().splitlines())
        return {line for line in lines if line}
    assert pins("requirements.txt") <= pins("requirements.lock")

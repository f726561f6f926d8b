"""The machine as the host sees it: processes, namespaces, cgroups. Nothing here asks Cloche."""
import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # clock ticks since boot: with the pid, a process's name for ever
    parent: int
    name: str
    uid: int
    state: str

    def alive(self):
        now = read(self.pid)
        return now is not None and now.started == self.started and now.state != "Z"

    def command(self):
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""

    def __str__(self):
        return f"{self.pid} {self.name} (uid {self.uid}): {self.command()[:120]}"


def read(pid):
    """The process, or None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        uid = os.stat(f"/proc/{pid}").st_uid
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Uid:"):
                uid = int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
    head, tail = text[: text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return Process(pid, int(tail[19]), int(tail[1]), head[head.index("(") + 1 :], uid, tail[0])


def processes():
    found = (read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process]


def descendants(pid):
    """Everything below pid, itself included."""
    table = processes()
    family, grown = {pid}, True
    while grown:
        children = {p.pid for p in table if p.parent in family} - family
        family |= children
        grown = bool(children)
    return [p for p in table if p.pid in family]


def namespace(pid, kind="pid"):
    """The name of a namespace as readlink gives it, or None when the process is gone or closed to us."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def in_pid_namespace(name):
    return [p for p in processes() if namespace(p.pid) == name and p.state != "Z"]


def cgroup_directories(pid):
    """The directories of a process's cgroups, one for each hierarchy that is mounted."""
    found = []
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"] if not controllers else [
            f"/sys/fs/cgroup/{controllers}", f"/sys/fs/cgroup/{controllers.split(',')[0]}"]
        for root in roots:
            directory = Path(root + path)
            if directory.is_dir() and path != "/":
                found.append(directory)
                break
    return found


def cgroup_setting(pid, names, levels_up=0):
    """The text of the first of these files that one of a process's cgroups has, or the one so many levels above it."""
    for directory in cgroup_directories(pid):
        for _ in range(levels_up):
            directory = directory.parent
        for name in names:
            if (directory / name).exists():
                return (directory / name).read_text().strip()
    raise AssertionError(f"no cgroup of {pid} has {names}, {levels_up} levels up")


def cgroups_of(supervisor):
    """The directories below cloche-PID, which is how a supervisor names its own."""
    return {path for path, _, _ in os.walk("/sys/fs/cgroup") if f"cloche-{supervisor}" in path.split("/")}


@contextlib.contextmanager
def ahead_of_everyone():
    """For who measures: what it waits for a core itself is not to be in its figures. Needs root."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:  # an ordinary user, or a host that keeps it to itself: the figures are the worse for it
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def mounts():
    """Mount points of this process's namespace."""
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def marked(marker):
    """Processes with the marker in their command line (not this one)."""
    return [p for p in processes() if p.pid != os.getpid() and marker in p.command()]


def patience():
    """By how much longer everything may take here: deadlines are those of a machine with nothing else to do.

    CLOCHE_TEST_PATIENCE says it for a machine that is slow as such, an emulated one."""
    return float(os.environ.get("CLOCHE_TEST_PATIENCE", "1")) * max(1.0, os.getloadavg()[0] / os.cpu_count())


def wait_until(condition, seconds=10.0, what="the condition"):
    """Polls until the condition holds and returns what it returned; fails by name at the deadline."""
    seconds *= patience()
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:g} s")
        time.sleep(0.01)

"""Which attacks there are, how each is proven, and what it came to unprotected."""
import json
import os
import subprocess
import sys
from pathlib import Path

ATTACKS = Path(__file__).resolve().parents[2] / "attacks"
INSIDE = sorted(str(p.relative_to(ATTACKS))[:-3] for p in ATTACKS.glob("*/*.py") if p.parent.name not in ("api", "protocol"))
UNPROTECTED = Path(__file__).with_name("unprotected.py")
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--ipc", "--cgroup", "--net"]
SYS_RESOURCE = 1 << 24

sys.path.insert(0, str(ATTACKS))
import attack  # noqa: E402


def field(name, key):
    return attack.fields((ATTACKS / f"{name}.py").read_text()).get(key, "")


def kind(name):
    return field(name, "proof").split(" ")[0]


def slow(name):
    """Those that take a session's memory or its time take a machine's, too: for `make check-full`."""
    return field(name, "session") == "own"


def release():
    return tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])


def applies(name):
    """Some take a right that a root in a container may lack, or a newer kernel."""
    if kind(name) == "sys_resource" and not int(attack.field("CapEff"), 16) & SYS_RESOURCE:
        return False
    needed = field(name, "linux")
    return not needed or release() >= tuple(map(int, needed.split(".")))


DIRECT = [n for n in INSIDE if kind(n) in ("", "sys_resource") and applies(n)]


def unprotected(names, *, host=False):
    command = [*([] if host else UNSHARE), "/usr/bin/python3", str(UNPROTECTED), *(["--host"] if host else []), str(ATTACKS), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd="/")
    assert done.returncode == 0 and done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


# What a machine may lack, protected or not, and why; all others have to succeed on every one.
MAY_BE_ABSENT = {
    "files/sysrq": "a Linux without that key", "files/kernel_memory": "one without these files",
    "escape/listmount": "Linux before 6.8", "escape/statmount": "Linux before 6.8", "escape/security_modules": "Linux before 6.8",
}


def expect_success(name, verdict):
    """A machine without the thing in question says so, protected or not; so does `cloche attack`."""
    allowed = ("succeeded", "absent") if name in MAY_BE_ABSENT else ("succeeded",)
    assert verdict["verdict"] in allowed, verdict

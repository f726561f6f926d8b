"""Every attack can succeed: run as root without Cloche's layers, it does. What passes inside passes by a layer."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ATTACKS = Path(__file__).resolve().parents[2] / "attacks"
INSIDE = sorted(str(p.relative_to(ATTACKS))[:-3] for p in ATTACKS.glob("*/*.py") if p.parent.name not in ("api", "protocol"))
UNPROTECTED = Path(__file__).with_name("unprotected.py")
UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--uts", "--ipc", "--cgroup", "--net"]
SYS_RESOURCE = 1 << 24

sys.path.insert(0, str(ATTACKS))
import attack  # noqa: E402


def field(name, key):
    return attack.fields((ATTACKS / f"{name}.py").read_text()).get(key, "")


def kind(name):
    return field(name, "proof").split(" ")[0]


def release():
    return tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])


def applies(name):
    """Some take a right that a root in a container may lack, or a newer kernel."""
    if kind(name) == "sys_resource" and not int(attack.field("CapEff"), 16) & SYS_RESOURCE:
        return False
    needed = field(name, "linux")
    return not needed or release() >= tuple(map(int, needed.split(".")))


def unprotected(names, *, host=False):
    command = [*([] if host else UNSHARE), "/usr/bin/python3", str(UNPROTECTED), *(["--host"] if host else []), str(ATTACKS), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd="/", env={**os.environ, "CLOCHE_ATTACK_SECRET": "first.second"})
    assert done.returncode == 0 and done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def verdicts():
    plain = [n for n in INSIDE if kind(n) in ("", "sys_resource") and applies(n)]
    return unprotected(plain) | unprotected([n for n in INSIDE if kind(n) == "host"], host=True)


@pytest.mark.root
@pytest.mark.parametrize("name", [n for n in INSIDE if kind(n) in ("", "sys_resource", "host") and applies(n)])
def test_it_succeeds_unprotected(verdicts, name):
    if verdicts[name]["verdict"] == "absent":
        return  # this machine has no such thing, protected or not: `cloche attack` says so, too
    assert verdicts[name]["verdict"] == "succeeded", verdicts[name]


def test_what_is_proven_otherwise_is_little():
    """`bpf`: the kernel alone may answer as the filter does; tests/unit/test_filter.c interprets the filter."""
    assert sorted(n for n in INSIDE if kind(n) == "bpf") == [
        "escape/newer_calls", "escape/x32_calls", "network/cluster_sockets", "network/crypto_sockets", "network/key_sockets"]
    assert {kind(n) for n in INSIDE} == {"", "bpf", "host", "sys_resource", "after"}

"""`cloche doctor`: every row says what is lost and how to get it; a host that refuses Cloche its rights is told by one."""
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LESSER = Path(__file__).resolve().parents[1] / "support" / "lesser_host.py"

# host: the row that is missing, words of what it says, words of how to get it
REFUSING = {
    "docker, root": ("user", "CAP_SYS_ADMIN", "--cap-add SYS_ADMIN"),
    "covered /proc, root": ("/proc in a sandbox", "is covered", "systempaths=unconfined"),
    "covered /proc, user": ("/proc in a sandbox", "is covered", "unmask=ALL"),
    "rootless container, root": ("user", "only some of the machine's ids", "--user 1000"),
    "rootless container, root, no user namespaces": ("user", "only some of the machine's ids", "ordinary user"),
    "no user namespaces, user": ("user namespaces allowed", "max_user_namespaces is 0", "sysctl user.max_user_namespaces="),
    "docker's filter, user": ("user namespaces allowed", "filter of system calls", "seccomp=unconfined"),
    "docker's AppArmor, root": ("user namespaces allowed", "a security module", "apparmor=unconfined"),
    "apparmor restricts, user": ("user namespaces allowed", "AppArmor", "apparmor_restrict_unprivileged_userns=0"),
    # the setting alone is no verdict: what works is not called missing
    "apparmor permits, covered /proc, user": ("/proc in a sandbox", "is covered", "systempaths=unconfined"),
}


@pytest.fixture
def on(build):
    """on(host, *words, stdin=…) runs the program as on that host."""
    def run(host, *words, stdin=""):
        return subprocess.run([sys.executable, LESSER, host, build, "/mnt/cloche", *words], input=stdin, text=True,
                              capture_output=True, timeout=60,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                                   **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}})
    return run


def rows(done):
    report = json.loads(done.stdout)
    assert all(row.keys() == {"name", "for", "verdict", "detail", "lost", "how"} for row in report["checks"])
    return report, {row["name"]: row for row in report["checks"]}


def test_doctor(call):
    done = call("doctor", "--json")
    report, by_name = rows(done)
    assert done.returncode == 0 and report["works"] is True
    assert {"programs", "python", "environments", "kernel", "user", "user namespaces allowed", "/proc in a sandbox",
            "virtual machine", "hardening", "swap", "two seccomp filters", "landlock", "limits", "limit over all sessions",
            "cpu quota", "depth of user namespaces", "user xattrs on tmpfs", "favordynmods"} <= by_name.keys()
    for name, setting in ("limit over all sessions", "--memory-total"), ("cpu quota", "--cpu-limit"):
        row = by_name[name]
        assert row["verdict"] == ("ok" if os.geteuid() == 0 else "loss") and setting in row["detail"] + row["lost"]
    assert all(row["verdict"] in ("ok", "absent", "loss") for row in report["checks"])
    assert all(row["lost"] and row["how"] for row in report["checks"] if row["verdict"] == "loss")
    assert not any(row["lost"] for row in report["checks"] if row["verdict"] in ("ok", "absent"))
    # a sentence, and not the name of another row
    assert not any(row["how"].split(",")[0] in by_name for row in report["checks"])
    assert call("doctor").stdout.strip()


def test_which_cgroups_are_in_charge(call):
    """The file is in the root of version 2 only, and there when it has the controllers."""
    _, by_name = rows(call("doctor", "--json"))
    second = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    dynamic = by_name["favordynmods"]
    if not second:
        assert dynamic["verdict"] == "absent" and "version 2 is not in charge" in dynamic["detail"]
    elif "favordynmods" in Path("/proc/self/mounts").read_text():
        assert dynamic["verdict"] == "ok"
    else:
        assert dynamic["verdict"] == "loss" and "remount,favordynmods /sys/fs/cgroup" in dynamic["how"]
        assert "10 ms" in dynamic["lost"] and "not among the options" in dynamic["detail"]
    if os.geteuid() == 0:
        assert by_name["limits"]["detail"] == f"cgroup version {2 if second else 1}"
        joining = [by_name[f"joining limits, cgroup v{version}"]["verdict"] for version in (1, 2)]
        assert joining == (["absent", "ok"] if second else ["ok", "absent"])


@pytest.mark.root
@pytest.mark.parametrize("host", REFUSING)
def test_one_row_says_what_a_host_refuses(on, host):
    name, seen, how = REFUSING[host]
    done = on(host, "doctor", "--json")
    assert done.returncode == 1, done.stderr
    report, by_name = rows(done)
    assert report["works"] is False
    assert [row["name"] for row in report["checks"] if row["verdict"] == "missing"] == [name]
    assert seen in by_name[name]["detail"] and how in by_name[name]["how"] and by_name[name]["lost"]
    assert by_name["a ground's tree"]["verdict"] == by_name["two seccomp filters"]["verdict"] == "untried"
    text = on(host, "doctor").stdout
    line = next(line for line in text.splitlines() if line.startswith("missing"))
    assert seen in line and how in line and "; lost: " in line
    assert ".;" not in text and ".." not in text


@pytest.mark.root
@pytest.mark.parametrize("host", REFUSING)
def test_run_ends_with_one_sentence_where_a_host_refuses(on, host):
    done = on(host, "run", "--environment", "base", "-", stdin="print(1)")
    assert done.returncode == 125 and done.stdout == ""
    told = [line for line in done.stderr.splitlines() if "no limits on memory" not in line]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("cloche") and told[0].endswith("; `cloche doctor` says what this host lacks.")
    assert ".." not in told[0] and os.strerror(0) not in told[0]


@pytest.mark.root
def test_serve_does_not_start_where_it_has_no_ids_and_says_so(on):
    done = on("rootless container, root", "serve", "--listen", "unix:/var/tmp/s", "--state", "/var/tmp/state")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.endswith("; `cloche doctor` says what this host lacks.\n")


@pytest.mark.root
def test_a_server_says_which_step_the_host_refused(build, fresh_server):
    server = fresh_server(prefix=[sys.executable, LESSER, "covered /proc, root", build])
    with server.client() as client:
        answer = client.post("/v1/execute", json={"code": "1"})
    message = answer.json()["error"]["message"]
    assert answer.status_code == 503
    assert f"Mounting /proc failed: {os.strerror(errno.EPERM)}; `cloche doctor` says" in message


@pytest.mark.root
@pytest.mark.parametrize("host", ["docker and SYS_ADMIN, root", "rootless container, user"])
def test_what_the_doctor_advises_works(on, host):
    report, _ = rows(on(host, "doctor", "--json"))
    assert report["works"] is True, report
    done = on(host, "run", "--environment", "base", "-", stdin="print(6 * 7)")
    assert done.stdout == "42\n" and done.returncode == 0, done.stderr


@pytest.mark.root
def test_an_ordinary_user_with_one_id_is_told_every_loss(on):
    _, by_name = rows(on("rootless container, user", "doctor", "--json"))
    for loss in "memory", "supplementary groups", "descriptors", "shared with the server", "not ids as well", "128 processes":
        assert loss in by_name["user"]["lost"]
    assert ("Landlock's scopes" in by_name["user"]["lost"]) == (by_name["landlock's scopes"]["verdict"] == "ok")
    assert "--add-subuids" in by_name["a range of ids"]["how"]
    for name in "limits", "limit over all sessions", "cpu quota":
        assert by_name[name]["how"].startswith("start Cloche as root, where /sys/fs/cgroup")
    limits = by_name["limits"]
    assert limits["verdict"] == "loss" and not limits["detail"].endswith(".") and limits["how"]

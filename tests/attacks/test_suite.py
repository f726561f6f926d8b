"""`cloche attack` against a server of its own: everything that applies here is contained, but what a host of this kind
is known to leave open: an ordinary user's has no limits on memory, with one id for everything no ids of sessions."""
import json
import os
import shutil
import socket

import pytest

from proofs import ATTACKS, INSIDE, MAY_BE_ABSENT, field

LACKS = set() if os.geteuid() == 0 else {"limits", "ids"} if os.environ.get("CLOCHE_SINGLE_UID") else {"limits"}
PATIENCE = float(os.environ.get("CLOCHE_TEST_PATIENCE", "1"))  # an emulated machine needs more of it
pytestmark = pytest.mark.timeout(300 * PATIENCE)  # the fixture runs them all


@pytest.fixture(scope="module")
def report(cloche, environments):
    import subprocess

    clean = {k: v for k, v in os.environ.items() if not k.startswith("CLOCHE_") or k == "CLOCHE_SINGLE_UID"}
    done = subprocess.run([str(cloche), "attack", "--json"], capture_output=True, text=True, timeout=280 * PATIENCE,
                          env={**clean, "CLOCHE_ENVIRONMENTS": str(environments)})
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def brief(attack):
    return {key: attack[key] for key in ("name", "expected", "seen", "verdict")}


def test_all_are_contained(report):
    status, said = report
    assert [brief(a) for a in said["attacks"] if a["verdict"] not in ("contained", "not_applicable", "open")] == []
    assert status == (3 if LACKS else 0) and said["not_contained"] == 0


def test_what_is_open_is_known_by_name(report):
    said = report[1]
    opened = {a["name"]: a["seen"] for a in said["attacks"] if a["verdict"] == "open"}
    assert set(opened) <= {name for name in INSIDE if field(name, "open") in LACKS}, opened
    # what the docs say stays true: not less than these
    assert not LACKS or "no limit on memory here" in opened.get("exhaustion/memory_of_the_heap", ""), opened
    assert "ids" not in LACKS or "one id here" in opened.get("escape/init_descriptors", ""), opened
    assert said["open"] == len(opened) and not any(a["contained"] for a in said["attacks"] if a["verdict"] == "open")


def test_the_suite_is_large_and_whole(report):
    said = report[1]["attacks"]
    assert len(said) >= 120 and len({a["name"] for a in said}) == len(said)
    assert {a["group"] for a in said} == {"exhaustion", "escape", "files", "network", "api", "protocol"}
    assert all(a["title"] and a["expected"] and a["seen"] for a in said)


@pytest.mark.root
def test_little_does_not_apply_as_root(report):
    """Only what a machine may lack; neither keys nor pids nor limits."""
    absent = {a["name"]: a["seen"] for a in report[1]["attacks"] if a["contained"] is None}
    assert set(absent) <= set(MAY_BE_ABSENT), absent


def test_a_hole_is_reported(call, tmp_path, cloche):
    """A server that is none: nothing is contained by an attack that could not be tried."""
    done = call("attack", "--url", "http://127.0.0.1:9", "--only", "escape/chroot")
    assert done.returncode == 1 and "No server answers" in done.stderr


def test_nothing_that_applies_is_no_success(call, server):
    """A script that looks at the exit code would take it for proof."""
    done = call("attack", "--url", f"http://127.0.0.1:{server.port}", "--only", "zygote_every")
    assert done.returncode == 1 and "None of these attacks applies here" in done.stderr
    assert "0 contained, 1 not applicable here" in done.stdout


CONTAINED = '"""x"""\ndef attack(api): raise __import__("client").Contained("")'
FLAKY = '''"""Fail once
expect: refused: the second time
"""
from client import *


def attack(api):
    if not os.path.exists(PATH):
        open(PATH, "w").close()
        raise Late("busy")
    raise Contained("the second time")
'''
ALWAYS = '''"""Fail always
expect: refused: never
"""
from client import *


def attack(api):
    with open(PATH, "a") as file:
        file.write("x")
    raise Late("busy")
'''


@pytest.fixture
def own_attacks(cloche, tmp_path, server):
    """own_attacks(name=source): `cloche attack` with these for its suite, against the tests' server."""
    def run(**sources):
        import subprocess

        folder, program = tmp_path / "share/cloche/attacks", tmp_path / "cloche"
        for group in ("exhaustion", "escape", "files", "network", "api", "protocol"):
            (folder / group).mkdir(parents=True)
        for name in ("attack.py", "client.py"):
            shutil.copy(ATTACKS / name, folder)
        for name, source in sources.items():
            (folder / f"api/{name}.py").write_text(source.replace("PATH", repr(str(tmp_path / name))))
        shutil.copy2(cloche, program)
        done = subprocess.run([program, "attack", "--json", "--url", f"http://127.0.0.1:{server.port}"], capture_output=True, text=True)
        assert done.stdout, done.stderr
        return done.returncode, {a["name"]: (a["verdict"], a["seen"]) for a in json.loads(done.stdout)["attacks"]}
    return run


def test_what_ran_out_of_time_is_tried_once_more(own_attacks, tmp_path):
    assert own_attacks(flaky=FLAKY) == (0, {"api/flaky": ("contained", "the second time")})


def test_what_runs_out_of_time_again_is_not_contained(own_attacks, tmp_path):
    assert own_attacks(always=ALWAYS) == (1, {"api/always": ("broken", "Late: busy")})
    assert (tmp_path / "always").read_text() == "xx"


@pytest.mark.parametrize("server_does, verdict", [("hangs", "broken"), ("is gone", "succeeded"), ("hangs up", "succeeded"), ("answers", "contained")])
def test_a_slow_server_is_no_victory(server_does, verdict):
    """What every attack on the API ends with. Only a server that is gone, or turns one away, was overcome for sure."""
    import subprocess

    library = (ATTACKS / "client.py").read_text().replace("PATIENCE_S = 30", "PATIENCE_S = 1")
    code = f"{library}\nrun({CONTAINED!r}, own_api())\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if server_does == "is gone":
            listener.close()
        with subprocess.Popen(["/usr/bin/python3", "-I", "-B", "-c", code], stdout=subprocess.PIPE, text=True,
                              env={"CLOCHE_ATTACK_URL": f"http://127.0.0.1:{port}"}) as attacker:
            if server_does in ("hangs up", "answers"):
                with listener.accept()[0] as asked:
                    asked.recv(65536)
                    asked.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if server_does == "answers" else b"")
            said = attacker.stdout.read()
    assert json.loads(said.removeprefix("VERDICT "))["verdict"] == verdict, said


def test_words_that_are_wrong(call):
    assert call("attack", "--lanes", "0").returncode == 2
    assert call("attack", "--only", "no such attack").returncode == 1
    assert call("attack", "surplus").returncode == 2
    listed = call("attack", "--list")
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) >= 120

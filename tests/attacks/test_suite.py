"""`cloche attack` against a server of its own: everything that applies here is contained, but what a host of this kind
is known to leave open: an ordinary user's has no limits on memory, with one id for everything no ids of sessions."""
import json
import os

import pytest

from proofs import INSIDE, MAY_BE_ABSENT, field

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


def test_words_that_are_wrong(call):
    assert call("attack", "--lanes", "0").returncode == 2
    assert call("attack", "--only", "no such attack").returncode == 1
    assert call("attack", "surplus").returncode == 2
    listed = call("attack", "--list")
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) >= 120

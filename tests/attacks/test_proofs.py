"""Every attack can succeed: run as root without Cloche's layers, it does. What is contained inside is
contained by a layer. Here are the quick ones, in `make check-full` the others, too (slow_proofs.py, api_proofs.py)."""
import ast
import subprocess

import pytest

from proofs import ATTACKS, DIRECT, INSIDE, attack, expect_success, kind, slow, unprotected

pytestmark = pytest.mark.timeout(300)  # the fixture runs them all
QUICK = [n for n in DIRECT if not slow(n)]
HOST = [n for n in INSIDE if kind(n) == "host"]


@pytest.fixture(scope="module")
def verdicts():
    return unprotected(QUICK) | unprotected(HOST, host=True)


@pytest.mark.root
@pytest.mark.parametrize("name", QUICK + HOST)
def test_it_succeeds_unprotected(verdicts, name):
    expect_success(name, verdicts[name])


EVERY_WAY = [n for n in QUICK if n.endswith("_every_way")]


@pytest.mark.root
@pytest.mark.parametrize("name", EVERY_WAY)
def test_every_way_succeeds_unprotected(verdicts, name):
    """One open way is enough for success: here each of them, by itself, is proven to be one."""
    opened = verdicts[name]["seen"].removeprefix("open: ").split(", ")
    assert opened == list(attack.ways(1)), verdicts[name]


@pytest.mark.root
def test_the_hunter_writes(verdicts):
    assert "written by mem" in verdicts["escape/hunter"]["seen"], verdicts["escape/hunter"]


def test_each_process_is_tried_in_every_way():
    assert [n.removeprefix("escape/").removesuffix("_every_way") for n in EVERY_WAY] == [
        "server", "sibling_init", "sibling_kernel", "supervisor", "warden", "zygote"]


@pytest.mark.root
def test_a_way_that_leads_to_oneself_is_not_open():
    """Pids are small where all begin with 1: the child that goes a way may be given the number that it looks for."""
    code = f"import sys; sys.path.insert(0, {str(ATTACKS)!r})\nimport attack\nprint(attack.every_way(9))"
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "/usr/bin/python3", "-B", "-c", code], capture_output=True, text=True)
    found = ast.literal_eval(done.stdout)
    assert list(found) == list(attack.ways(1)) and "ok" not in found.values(), found


def test_what_is_proven_otherwise_is_little():
    """`bpf`: the kernel alone may answer as the filter does; tests/unit/test_filter.c interprets the filter."""
    assert sorted(n for n in INSIDE if kind(n) == "bpf") == [
        "escape/newer_calls", "escape/x32_calls", "exhaustion/core_scheduling", "network/cluster_sockets",
        "network/crypto_sockets", "network/key_sockets"]
    assert [n for n in INSIDE if kind(n) == "layer"] == ["files/cgroups_named"]
    assert {kind(n) for n in INSIDE} == {"", "bpf", "host", "sys_resource", "after", "layer"}

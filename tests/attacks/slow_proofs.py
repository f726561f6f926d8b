"""The proofs that take a machine's memory or its time: a tier of its own, `tools/check proofs`."""
import os
import signal
import subprocess
import tempfile

import pytest

from proofs import ATTACKS, DIRECT, expect_success, slow, unprotected

pytestmark = pytest.mark.timeout(600)  # the fixture runs them all
SLOW = [n for n in DIRECT if slow(n)]


@pytest.fixture(scope="module")
def verdicts():
    return unprotected(SLOW)


@pytest.mark.root
@pytest.mark.parametrize("name", SLOW)
def test_it_succeeds_unprotected(verdicts, name):
    expect_success(name, verdicts[name])


def by_hand(name, folder, **options):
    """The attack as a program of its own, without anything around it."""
    return subprocess.Popen(["/usr/bin/python3", "-c", f"{(ATTACKS / 'attack.py').read_text()}\nload({(ATTACKS / name).read_text()!r})['attack']()"],
                            cwd=folder, stderr=subprocess.DEVNULL, **options)


def test_daemons_outlive_what_left_them():
    with tempfile.TemporaryDirectory() as folder:
        def ours():
            found = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.readlink(f"/proc/{pid}/cwd") == folder:
                        found.append(int(pid))
                except OSError:
                    pass
            return found
        by_hand("exhaustion/leave_daemons.py", folder).wait()
        left = ours()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert len(left) == 8


def test_deep_folders_end_a_naive_walk():
    with tempfile.TemporaryDirectory() as folder:
        by_hand("exhaustion/deep_folders.py", folder).wait()
        with pytest.raises((RecursionError, OSError)):
            def walk(at):
                for entry in os.scandir(at):
                    walk(entry.path)
            walk(folder)
        subprocess.run(["rm", "-rf", folder], check=True)
        os.mkdir(folder)


def test_a_sparse_file_says_it_is_a_terabyte():
    with tempfile.TemporaryDirectory() as folder:
        by_hand("exhaustion/sparse_terabyte.py", folder).wait()
        assert os.stat(f"{folder}/sparse.bin").st_size == 1 << 40


def test_a_flood_fills_who_keeps_all_of_it():
    with tempfile.TemporaryDirectory() as folder:
        flood = by_hand("exhaustion/flood_of_output.py", folder, stdout=subprocess.PIPE)
        assert len(flood.communicate()[0]) > 200 << 20

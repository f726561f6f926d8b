"""What a zygote may have of memory, with what its packages start: a warm-up that takes more says so and is gone, its
environment's plain sessions and other environments go on, and a healthy zygote never meets it, however many are forked."""
from pathlib import Path

import pytest

import links
from links import FULL, PLAIN, Sandbox
from support import machine
from test_attacks import run
from test_processes import children, pids_named, wait_for

pytestmark = [pytest.mark.limits, pytest.mark.timeout(240)]
MIB = 1 << 20
MOST = 400  # MiB, at least: where nothing limits it, it is warm then

EATS = {
    "on its heap": f"kept = [b'x' * {MIB} for _ in range({MOST} * SCALE)]",
    "by a child": f"""
import os
if os.fork() == 0:
    kept = [b'x' * {MIB} for _ in range({MOST} * SCALE)]
    os._exit(0)
if os.wait()[1]: raise SystemExit('a child died')""",
    "in files": f"""
import os
for n in range({MOST // 2}): open(f'/mnt/tmp/{{n}}', 'wb').write(b'x' * {MIB})
kept = [b'x' * {MIB} for _ in range({MOST // 2} * SCALE)] if SCALE > 1 else []  # there is no room for more""",
    "in files without a name": f"""
import os
fd = os.memfd_create('')
for n in range({MOST} * SCALE): os.write(fd, b'x' * {MIB})
os.close(fd)""",
    "in shared segments": f"""
import ctypes
L = ctypes.CDLL(None)
L.shmat.restype = ctypes.c_void_p
for n in range({MOST} * SCALE): ctypes.memset(L.shmat(L.shmget(0, {MIB}, 0o1600), None, 0), 1, {MIB})""",
    "by many children": f"""
import os, time
for _ in range(60):
    if os.fork() == 0:
        kept = b'x' * (8 * SCALE * {MIB})
        time.sleep(20)
        os._exit(0)
for _ in range(60):
    if os.wait()[1]: raise SystemExit('a child died')""",
}


@pytest.fixture
def limit(sanitized):
    """In MiB. A sanitizer's interpreter takes some hundred by itself."""
    return 64 * (8 if sanitized else 1)


@pytest.fixture
def warmed_by(environment, limit):
    return lambda text: environment(text.replace("SCALE", str(limit // 64)))


@pytest.fixture
def warm(limit):
    def ask(warden, slot=FULL, kernels=0):
        return warden.call(links.WARDEN_ZYGOTE, words=[slot, kernels, 0, limit * MIB], timeout=120)
    return ask


def used(supervisor):
    """By all grounds of it."""
    (top,) = (d for d in machine.cgroups_of(supervisor.pid) if d.endswith("/sandboxes") and "/cpu/" not in d) if Path(
        "/sys/fs/cgroup/cgroup.controllers").exists() else (d for d in machine.cgroups_of(supervisor.pid) if d.endswith(
            f"cloche-{supervisor.pid}") and "/memory/" in d)
    return int(next(f for f in (Path(top, "memory.current"), Path(top, "memory.usage_in_bytes")) if f.exists()).read_text())


def groups(supervisor):
    return {d for d in machine.cgroups_of(supervisor.pid) if "/zygote-" in d}


@pytest.fixture
def other():
    """A session in another environment, which goes on."""
    def begin(supervisor):
        base = supervisor.ground("base")[1]
        assert base.call(links.WARDEN_ZYGOTE, words=[PLAIN], timeout=60).status == 0
        kernel = Sandbox(supervisor, base).kernel()
        run(kernel, "x = 1")
        return kernel
    return begin


@pytest.mark.parametrize("how", EATS)
def test_a_warm_up_that_takes_more_than_its_memory_says_so(warmed_by, warm, limit, other, how):
    supervisor, warden = warmed_by(EATS[how])
    kernel = other(supervisor)
    before = set(children(supervisor.pid))
    m = warm(warden)
    assert m.status < 0 and f"its warm-up took more than its memory, {limit} MiB".encode() in m.text, m
    assert run(kernel, "print(x)") == "1\n"
    wait_for(lambda: before.issuperset(children(supervisor.pid)), "the end of what the warm-up started")
    assert warm(warden, PLAIN).status == 0
    assert run(Sandbox(supervisor, warden).kernel(), "print(2)") == "2\n"


def test_what_a_warm_up_leaves_behind_counts_for_the_next(warmed_by, warm, limit):
    """Segments outlive who made them: each attempt would have taken as much again."""
    supervisor, warden = warmed_by(EATS["in shared segments"])
    begun = used(supervisor)
    for _ in range(3):
        m = warm(warden)
        assert m.status < 0 and b"more than its memory" in m.text, m
    assert used(supervisor) - begun < (limit + 32) * MIB


# Warm, with little; more when it is to fork.
LATER = f"""
import os
def eat():
    global kept
    kept = [b'x' * {MIB} for _ in range({MOST} * SCALE)]
os.register_at_fork(before=eat)
"""


def test_a_zygote_that_takes_more_when_it_is_warm_is_ended(warmed_by, warm, limit):
    supervisor, warden = warmed_by(LATER)
    for slot in (PLAIN, FULL):
        assert warm(warden, slot).status == 0
    kernel = Sandbox(supervisor, warden).kernel()
    run(kernel, "x = 1")
    with pytest.raises(OSError, match="The zygote died"):
        Sandbox(supervisor, warden).kernel(FULL)
    died = warden.event(links.WARDEN_ZYGOTE_DIED)
    assert died.words[0] == FULL and f"its warm interpreter took more than its memory, {limit} MiB".encode() in died.text, died
    assert run(kernel, "print(x)") == "1\n"
    assert run(Sandbox(supervisor, warden).kernel(), "print(2)") == "2\n"


# Near its limit, whatever its interpreter takes, with the page tables of that, which Linux has on its account once for each
# kernel.
FULL_OF = f"""
import mmap, re
kept = [mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE) for _ in range(2000)]
for m in kept: m[0] = 1
while int(re.search(r'RssAnon:\\s*(\\d+)', open('/proc/self/status').read())[1]) < 44 * SCALE << 10: kept.append(b'x' * {MIB})
"""


def test_many_kernels_do_not_use_up_what_their_zygote_may_have(warmed_by, warm, limit):
    supervisor, warden = warmed_by(FULL_OF)
    assert warm(warden).status == 0
    boxes = [Sandbox(supervisor, warden) for _ in range(150)]
    kernels = [box.kernel(FULL) for box in boxes]
    assert {run(kernel, "print(1)") for kernel in kernels} == {"1\n"}
    assert [m for m in warden.events if m.op == links.WARDEN_ZYGOTE_DIED] == []
    for box in boxes:
        box.end()
    assert run(Sandbox(supervisor, warden).kernel(FULL), "print(1)") == "1\n"


def test_what_a_replaced_zygote_still_shares_is_not_its_successors(warmed_by, warm, limit):
    """Sessions keep the memory of the zygote they are of. It is replaced all the same, again and again."""
    supervisor, warden = warmed_by(FULL_OF)
    assert warm(warden, kernels=1).status == 0
    (first,) = pids_named(supervisor, "python3")
    seen, kernels = {first}, []

    def replaced():
        now = set(pids_named(supervisor, "python3"))
        return len(now) == 1 and not now & seen and seen.update(now) is None

    for _ in range(6):
        kernels.append(Sandbox(supervisor, warden).kernel(FULL))
        machine.wait_until(replaced, 60, "a successor")
    assert {run(kernel, "print(1)") for kernel in kernels} == {"1\n"}
    machine.wait_until(lambda: len(groups(supervisor)) <= 2, 10, "the end of the directories of those that were replaced")

"""Makes a zygote ready: imports, rehearses, leaves nothing behind that a fork would break.

A zygote calls plain() or full() once, then loop.prepare(), before it serves its warden. Never a
top-level await here: an event loop would hold an epoll and a socket pair that every kernel shared.
"""
from cloche_kernel import BUILTINS as __builtins__

import os
import sys
import time

from cloche_kernel import aliases, plots, streams
from cloche_kernel.runner import runner

_PLAIN = (
    "x = 1 + 1",
    "x",
    "def f(a):\n    return a\n[f(i) for i in range(9)]",
    "print(x)",
    "import math\nmath.pi",
)
_FULL = _PLAIN + (
    "%pwd",
    "import sys\nsys",
    "x = 1\nx;",
    "class A:\n    def _repr_html_(self):\n        return '<b>'\nA()",
)
_SETTLED = 24         # runs after which Python no longer rewrites the code of what it runs
_warmup = None
_cells = ()


class WarmupLeftovers(RuntimeError):
    """A warm-up left something that forked kernels would share or lack."""


def _descriptors():
    """Open descriptors that would be shared by all kernels: sockets, epolls and their like."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if target.startswith(("socket:", "anon_inode:", "pipe:")) and int(name) > 2:
            found[int(name)] = target
    return found


def _threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            try:
                with open("/proc/self/task/%s/comm" % task) as f:
                    names.append(f.read().strip())
            except OSError:
                pass
    return names


def _children():
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as f:
            return f.read().split()
    except OSError:
        return []


def _shared_memory():
    """Mappings that all kernels would share and could write: one session's memory in another's."""
    with open("/proc/self/maps") as f:
        lines = [line.split(None, 5) for line in f]
    return [" ".join(line[5:]).strip() or "anonymous" for line in lines if line[1][1::2] == "ws"]


def _leftovers(before, patience=2.0):
    """What is there now that was not before: sentences. Waits a little for timers to end."""
    deadline = time.monotonic() + patience
    while (_threads() or _children()) and time.monotonic() < deadline:
        time.sleep(0.02)
    said = ["thread " + name for name in _threads()]
    said += ["child process " + pid for pid in _children()]
    said += [target for fd, target in _descriptors().items() if before.get(fd) != target]
    said += ["shared memory " + name for name in _shared_memory()]
    return said


def _check(before):
    plots.before_freeze()
    left = _leftovers(before)
    if left:
        raise WarmupLeftovers("the warm-up left behind: " + ", ".join(left))


def _rehearse(cells):
    kept = sys.stdout, sys.stderr
    streams.make()
    try:
        runner.rehearse((), _warmup)
        runner.rehearse(cells * _SETTLED)
    finally:
        sys.stdout, sys.stderr = kept
        sys.__stdout__, sys.__stderr__ = kept


def plain():
    """CPython and the runner."""
    before = _descriptors()
    aliases.install()
    runner.install()
    _rehearse(_PLAIN)
    _check(before)


def full(warmup_path=None):
    """IPython too, and what the environment's warm-up imports and rehearses: a Python file that may
    define rehearse(), and CELLS, code that is rehearsed as a session's cells are run."""
    global _warmup, _cells
    before = _descriptors()
    aliases.install()
    runner.install()
    runner.upgrade()
    if warmup_path:
        with open(warmup_path, "rb") as f:
            code = compile(f.read(), warmup_path, "exec")
        names = {"__name__": "cloche_warmup", "__file__": warmup_path}
        exec(code, names)
        _warmup = names.get("rehearse")
        _cells = tuple(names.get("CELLS", ()))
    runner.upgrade()
    _rehearse((_FULL if runner.shell is not None else _PLAIN) + _cells)
    _check(before)


def rehearse_kernel():
    """In a pooled kernel: faults in its own copies of what a first cell touches, and no more: what
    rehearse() of the warm-up touches would be megabytes in sessions that never draw a figure."""
    runner.rehearse((_FULL if runner.shell is not None else _PLAIN) + _cells)

"""Raise one's own limits
tries: every cgroup.procs and memory.max that is to be found below /sys, for writing
expect: refused: none is to be found
"""
from attack import *


def attack():
    for folder, _, names in os.walk("/sys/fs"):
        for name in {"cgroup.procs", "tasks", "release_agent", "memory.max", "notify_on_release"} & set(names):
            try:
                return writes(f"{folder}/{name}")
            except OSError:
                continue
    raise Contained("none is to be found")

"""Keep half of every core idle
tries: prctl(PR_SCHED_CORE, CREATE)
expect: EINVAL
proof: bpf
"""
from attack import *


def attack():
    said = past("ENODEV", SYS["prctl"], 62, 1, 0, 0, 0)
    return said

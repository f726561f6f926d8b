"""Measure the kernel
tries: perf_event_open with a type that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL ENOENT E2BIG EACCES", SYS["perf_event_open"], (ctypes.c_uint32 * 32)(9999, 128), 0, -1, -1, 0)

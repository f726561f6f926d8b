"""Load a program into the kernel
tries: bpf(BPF_MAP_CREATE)
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL E2BIG", SYS["bpf"], 9999, (ctypes.c_uint32 * 32)(), 72)

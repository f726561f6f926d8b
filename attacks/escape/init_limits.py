"""Read and set the limits of init
tries: prlimit64(1)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["prlimit64"], 1, 7, 0, (ctypes.c_uint64 * 2)())

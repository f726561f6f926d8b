"""Make the clock run slower
tries: adjtimex with a mode that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["adjtimex"], (ctypes.c_uint32 * 64)(0x0002, 0, 0, 0, 1 << 30, 1 << 30))

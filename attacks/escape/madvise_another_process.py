"""Advise on another process's memory
tries: process_madvise through a pidfd of its own
expect: EPERM
"""
from attack import *


def attack():
    vector = (ctypes.c_uint64 * 2)(0, 0)
    return past("EINVAL", SYS["process_madvise"], call(SYS["pidfd_open"], os.getpid(), 0), vector, 1, 20, 0)

"""Hide memory in SysV segments
tries: 400 MiB of shared memory in a session of 256 MiB
expect: out_of_memory killed ENOSPC ENOMEM
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    identifier = call(29, 0, 400 << 20, 0o1600)
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(identifier, None, 0)
    libc.shmctl(identifier, 0, None)
    ctypes.memset(at, 1, 400 << 20)
    return "400 MiB"

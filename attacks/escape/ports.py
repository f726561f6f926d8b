"""Speak to hardware
tries: iopl and ioperm beyond their range
expect: EPERM
"""
from attack import *


def attack():
    past("EINVAL ENOSYS", SYS["iopl"], 9)
    return past("EINVAL ENOSYS", SYS["ioperm"], 1 << 20, 1, 1)

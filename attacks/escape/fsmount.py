"""Make a mount of an open file system
tries: fsmount on a bad descriptor
expect: EPERM
"""
from attack import *


def attack():
    return past("EBADF", SYS["fsmount"], -1, 1, 0)

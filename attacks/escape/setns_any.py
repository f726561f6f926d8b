"""Enter a namespace by a descriptor
tries: setns(-1, 0): where it is allowed, the descriptor is bad
expect: EPERM
"""
from attack import *


def attack():
    return past("EBADF", SYS["setns"], -1, 0)

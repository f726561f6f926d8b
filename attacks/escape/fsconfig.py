"""Configure a file system
tries: fsconfig on a bad descriptor, which is what refuses it where it is allowed
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL EBADF", SYS["fsconfig"], -1, 6, 0, 0, 0)

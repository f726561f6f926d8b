"""Load a kernel module from a file
tries: finit_module of a bad descriptor
expect: EPERM
"""
from attack import *


def attack():
    return past("EBADF ENOEXEC EINVAL ENOSYS", SYS["finit_module"], -1, b"", 0)

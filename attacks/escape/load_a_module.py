"""Load a kernel module
tries: init_module with an empty image
expect: EPERM
"""
from attack import *


def attack():
    return past("ENOEXEC EFAULT EINVAL ENOSYS", SYS["init_module"], b"", 0, b"")

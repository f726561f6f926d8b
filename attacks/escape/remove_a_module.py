"""Remove a kernel module
tries: delete_module of one that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("ENOENT ENOSYS", SYS["delete_module"], b"cloche_no_such_module", 0o4000)

"""Change the root by pivot_root
tries: pivot_root(".", "."): with the rights, only the folders are wrong
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL EBUSY ENOTDIR", SYS["pivot_root"], b".", b".")

"""Keep something in the kernel's key rings
tries: add_key to the user's ring, which siblings of one uid would share
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL EFAULT ENOSYS", SYS["add_key"], b"user", 0, 0, 0, -2)

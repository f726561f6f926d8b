"""Ask by a ring instead of by calls
tries: io_uring_setup
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL EFAULT", SYS["io_uring_setup"], 1, 0)

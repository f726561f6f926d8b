"""Hold the kernel in a page fault
tries: userfaultfd, with a flag that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL ENOSYS", SYS["userfaultfd"], 0x40000001)

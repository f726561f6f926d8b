"""Turn swapping on, or off
tries: swapon and swapoff of a file that there is not
expect: EPERM
"""
from attack import *


def attack():
    past("ENOENT EINVAL ENOSYS", SYS["swapoff"], b"/cloche/no/such")
    return past("ENOENT EINVAL ENOSYS", SYS["swapon"], b"/cloche/no/such", 0)

"""Start another kernel
tries: kexec_load with a flag that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL ENOSYS EBUSY EADDRNOTAVAIL", SYS["kexec_load"], 0, 0, 0, 0xFFFF)

"""Start another kernel from a file
tries: kexec_file_load with a flag that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL ENOSYS EBADF", SYS["kexec_file_load"], -1, -1, 0, 0, 0xFFFF)

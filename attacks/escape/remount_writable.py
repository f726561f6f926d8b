"""Remount the system writable
tries: mount(MS_REMOUNT | MS_BIND) on /usr without MS_RDONLY
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["mount"], 0, b"/usr", 0, 32 | 4096, 0)  # EINVAL: no mount point

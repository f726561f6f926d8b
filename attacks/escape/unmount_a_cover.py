"""Take the cover off /proc/kcore
tries: umount2("/proc/kcore", MNT_DETACH)
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["umount2"], b"/proc/kcore", 2)  # EINVAL: nothing is mounted there

"""Change quotas of a disk
tries: quotactl of a device that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("ENOENT ENOSYS EINVAL ENODEV ENOTBLK ESRCH", SYS["quotactl"], 0x800001 << 8, b"/cloche/no/such", 0, 0)

"""Change one's security label
tries: lsm_set_self_attr, new in Linux 6.8
expect: EPERM
"""
from attack import *


def attack():
    said = past("EINVAL EOPNOTSUPP EFAULT E2BIG ENOSYS", SYS["lsm_set_self_attr"], 100, 0, 0, 0)
    if "ENOSYS" in said:
        raise Absent("Linux before 6.8")
    return said

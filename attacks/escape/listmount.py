"""List mounts by number
tries: listmount, new in Linux 6.8
expect: EPERM
"""
from attack import *


def attack():
    request = (ctypes.c_uint64 * 4)(24, (1 << 64) - 1, 0)  # LSMT_ROOT
    said = past("ENOENT EINVAL ENOSYS", SYS["listmount"], request, (ctypes.c_uint64 * 64)(), 64, 0)
    if "ENOSYS" in said:
        raise Absent("Linux before 6.8")
    return said

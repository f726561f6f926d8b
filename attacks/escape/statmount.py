"""Ask about mounts by number
tries: statmount, new in Linux 6.8, on a mount that there is not
expect: EPERM
"""
from attack import *


def attack():
    request = (ctypes.c_uint64 * 4)(24, 1 << 62, 1)
    said = past("ENOENT EINVAL ENOSYS", SYS["statmount"], request, ctypes.create_string_buffer(512), 512, 0)
    if "ENOSYS" in said:
        raise Absent("Linux before 6.8")
    return said

"""Take capabilities
tries: capset with all of them
expect: EPERM
"""
from attack import *


def attack():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    all_of_them = 1 << 21  # SYS_ADMIN
    call(SYS["capset"], header, (ctypes.c_uint32 * 6)(all_of_them, all_of_them, 0, 0, 0, 0))

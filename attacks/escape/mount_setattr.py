"""Change the attributes of a mount
tries: mount_setattr on /proc without nosuid
expect: EPERM
"""
from attack import *


def attack():
    attributes = (ctypes.c_uint64 * 4)(0, 2, 0, 0)
    call(SYS["mount_setattr"], -100, b"/proc", 0, attributes, 32)

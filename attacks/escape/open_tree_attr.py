"""Take a copy of the mounts with other attributes
tries: open_tree_attr, new in Linux 6.15, clearing read-only
expect: EPERM ENOSYS
linux: 6.15
"""
from attack import *


def attack():
    os.close(call(SYS["open_tree_attr"], -100, b"/proc", 1, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32))

"""Open with flags that no filter sees
tries: openat2, whose mode lies in memory
expect: ENOSYS
"""
from attack import *


def attack():
    os.close(call(SYS["openat2"], -100, b"/usr", ctypes.create_string_buffer(struct.pack("QQQ", os.O_RDONLY, 0, 0)), 24))

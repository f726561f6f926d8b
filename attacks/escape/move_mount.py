"""Move a mount
tries: move_mount of a bad descriptor
expect: EPERM
"""
from attack import *


def attack():
    return past("EBADF", SYS["move_mount"], -1, b"", -100, b"/tmp", 4)

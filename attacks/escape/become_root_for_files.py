"""Be root to the file system
tries: setfsuid(0)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["setfsuid"], 0)
    if call(SYS["setfsuid"], -1) == 0:
        return "file accesses are root's"
    raise Contained("unchanged")

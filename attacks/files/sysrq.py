"""Ring the magic key
tries: /proc/sysrq-trigger for writing
expect: EROFS EACCES, or it is covered
"""
from attack import *


def attack():
    try:
        fd = os.open("/proc/sysrq-trigger", os.O_WRONLY)
    except FileNotFoundError:
        raise Absent("this kernel has no such key") from None
    if os.fstat(fd).st_rdev == os.makedev(1, 3):
        raise Contained("a cover")
    return "open for writing"

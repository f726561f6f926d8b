"""Type into a terminal
tries: ioctl(TIOCSTI) and ioctl(TIOCLINUX), on a descriptor that is no terminal
expect: EPERM
"""
from attack import *


def attack():
    null = os.open("/dev/null", os.O_RDONLY)
    past("ENOTTY", SYS["ioctl"], null, 0x5412, b"x")
    return past("ENOTTY", SYS["ioctl"], null, 0x541C, b"\x02")

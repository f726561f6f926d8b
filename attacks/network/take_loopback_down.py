"""Take an interface down
tries: ioctl(SIOCSIFFLAGS) on lo, with the flags that it has
expect: EPERM
"""
from attack import *


def attack():
    import fcntl
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, 0x8913, struct.pack("16sH14x", b"lo", 0))
        fcntl.ioctl(s, 0x8914, request)  # the flags that it has: to be allowed is enough

"""Read the kernel's log by a file
tries: /proc/kmsg and /dev/kmsg
expect: refused: it is covered
"""
from attack import *


def attack():
    for path in ("/dev/kmsg", "/proc/kmsg"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            if os.read(fd, 8192):
                return path
        except OSError:
            continue
    raise Contained("covered, or not there")

"""Read the kernel's memory
tries: /proc/kcore and /dev/mem
expect: refused: it is covered
"""
from attack import *


def attack():
    for path in ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port"):
        try:
            if len(read(path, 64)) > 0:
                return path
        except OSError:
            continue
    raise Contained("covered, or not there")

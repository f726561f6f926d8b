"""Read the kernel's memory
tries: /proc/kcore and /dev/mem
expect: refused: it is covered
"""
from attack import *


def attack():
    paths = ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port")
    if not any(map(os.path.exists, paths)):
        raise Absent("there is none of these files")
    for path in paths:
        try:
            if len(read(path, 64)) > 0:
                return path
        except OSError:
            continue
    raise Contained("covered, or not there")

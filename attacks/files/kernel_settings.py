"""Change a setting of the kernel
tries: every file of /proc/sys for writing
expect: refused: none
"""
from attack import *


def attack():
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            try:
                return writes(f"{folder}/{name}")
            except OSError:
                continue
    raise Contained("none can be written")

"""Take processors from the host
tries: every file below /sys for writing
expect: refused: none
"""
from attack import *


def attack():
    for folder, _, names in os.walk("/sys/devices/system/cpu"):
        for name in names:
            try:
                return writes(f"{folder}/{name}")
            except OSError:
                continue
    raise Contained("none can be written")

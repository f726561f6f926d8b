"""Find a mount where set-user-id bits count
tries: every mount must be nosuid
expect: refused: none
"""
from attack import *


def attack():
    for line in read("/proc/self/mountinfo" if os.access("/proc/self/mountinfo", os.R_OK) else "/proc/thread-self/mountinfo",
                     1 << 20).decode().splitlines():
        words = line.split()
        if "nosuid" not in words[5].split(","):
            return f"{words[4]} honours set-user-id bits"
    raise Contained("all mounts are nosuid")

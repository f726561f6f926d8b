"""Have the host run a program over a crash
tries: /proc/sys/kernel/core_pattern for writing
expect: EROFS EACCES EPERM
"""
from attack import *


def attack():
    return writes("/proc/sys/kernel/core_pattern")

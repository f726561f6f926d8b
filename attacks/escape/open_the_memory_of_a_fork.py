"""Open /proc/PID/mem of a fork of the kernel
tries: a fork of the kernel is no more dumpable than the kernel: its memory is the ground's root's
expect: EACCES EPERM
"""
from attack import *


def attack():
    pid = child()
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
    finally:
        end(pid)

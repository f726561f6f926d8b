"""Flush the host's disk, again and again
tries: fsync of a read-only file; a descriptor that is closed tells whether the call reaches Linux
expect: done without doing
"""
from attack import *


def attack():
    file = os.open("/usr/bin/python3", os.O_RDONLY)
    for _ in range(20):
        os.fsync(file)
    os.close(file)
    try:
        os.fsync(file)
    except OSError:
        return "20 flushes"
    raise Contained("done without doing")

"""Take memory by mmap
tries: 600 MiB of pages touched in a session of 256 MiB
expect: out_of_memory killed
session: own
memory: 256m
needs: limits
"""
from attack import *


def attack():
    import mmap
    block = mmap.mmap(-1, 600 << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1
    return "600 MiB"

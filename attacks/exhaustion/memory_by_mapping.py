"""Take memory by mmap
tries: 400 MiB of pages touched in a session of 256 MiB
expect: out_of_memory killed
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    import mmap
    block = mmap.mmap(-1, 400 << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1
    return "400 MiB"

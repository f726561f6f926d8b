"""Take more memory than the session has
tries: 400 MiB of bytes in a session of 256 MiB
expect: out_of_memory killed MemoryError
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    kept = [bytearray(b"x" * (1 << 20)) for _ in range(400)]
    return f"{len(kept)} MiB"

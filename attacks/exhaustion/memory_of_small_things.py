"""Take memory in small pieces
tries: 400 MiB of lists in a session of 256 MiB
expect: out_of_memory killed MemoryError
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    kept = [[0] * 1000 for _ in range(50_000)]
    return f"{len(kept)} lists"

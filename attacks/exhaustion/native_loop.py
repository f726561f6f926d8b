"""Compute where no signal is looked for
tries: long operations of C, one after another
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    began = time.monotonic()
    while time.monotonic() - began < 30:
        sum(range(100_000_000))
    return "30 s of a processor, with one allowed"

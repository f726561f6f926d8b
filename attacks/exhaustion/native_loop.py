"""Compute where no signal is looked for
tries: one long operation of C
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    began = time.monotonic()
    while time.monotonic() - began < 8:
        pow(7, 20_000_000)
    return "8 s of a processor, with one allowed"

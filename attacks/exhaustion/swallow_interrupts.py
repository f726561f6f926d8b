"""Catch every interrupt
tries: a loop that swallows KeyboardInterrupt
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            while time.monotonic() < deadline:
                pass
        except KeyboardInterrupt:
            pass
    return "30 s of a processor, with one allowed"

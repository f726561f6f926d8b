"""Never give back
tries: a loop with SIGINT ignored
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pass
    return "30 s of a processor, with one allowed"

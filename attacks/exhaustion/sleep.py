"""Sleep beyond one's time
tries: a sleep of 8 s with one allowed
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    time.sleep(8)
    return "8 s"

"""Sleep beyond one's time
tries: a sleep of 30 s with one allowed
expect: timeout
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    time.sleep(30)
    return "30 s"

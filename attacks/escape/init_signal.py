"""Signal init
tries: kill(1, SIGCONT): a signal that would do nothing
expect: EPERM
"""
from attack import *


def attack():
    os.kill(1, signal.SIGCONT)

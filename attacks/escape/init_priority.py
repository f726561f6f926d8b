"""Slow init down
tries: setpriority(1)
expect: EPERM
"""
from attack import *


def attack():
    os.setpriority(os.PRIO_PROCESS, 1, os.getpriority(os.PRIO_PROCESS, 1))

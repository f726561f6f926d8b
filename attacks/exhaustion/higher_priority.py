"""Outrank everybody
tries: setpriority(-10)
expect: EACCES EPERM
"""
from attack import *


def attack():
    os.setpriority(os.PRIO_PROCESS, 0, -10)

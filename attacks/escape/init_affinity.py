"""Pin init to a core
tries: sched_setaffinity(1)
expect: EPERM
"""
from attack import *


def attack():
    os.sched_setaffinity(1, os.sched_getaffinity(1))

"""Lower init's input and output
tries: ioprio_set(1)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["ioprio_set"], 1, 1, 2 << 13 | 4)

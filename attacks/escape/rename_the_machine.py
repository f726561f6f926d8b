"""Rename the machine
tries: sethostname with a name that is too long
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["sethostname"], b"x" * 70, 70)

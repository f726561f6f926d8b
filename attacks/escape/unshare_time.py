"""Make a time namespace of its own
tries: unshare(CLONE_NEWTIME): clocks of one's own
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWTIME)

"""Make a network namespace of its own
tries: unshare(CLONE_NEWNET): tables and devices to configure
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWNET)

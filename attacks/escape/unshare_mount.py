"""Make a mount namespace of its own
tries: unshare(CLONE_NEWNS), the first step to other mounts
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWNS)

"""Make a cgroup namespace of its own
tries: unshare(CLONE_NEWCGROUP)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWCGROUP)

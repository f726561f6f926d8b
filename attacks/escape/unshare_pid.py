"""Make a pid namespace of its own
tries: unshare(CLONE_NEWPID): pids that init does not count
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWPID)

"""Make a user namespace of its own
tries: unshare(CLONE_NEWUSER): root of a namespace reaches kernel code that others cannot
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["unshare"], CLONE_NEWUSER)

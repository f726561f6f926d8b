"""Enter the namespaces of init by a pidfd
tries: pidfd_open(1), then setns(CLONE_NEWNS | CLONE_NEWNET)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["setns"], call(SYS["pidfd_open"], 1, 0), CLONE_NEWNET | CLONE_NEWUTS)

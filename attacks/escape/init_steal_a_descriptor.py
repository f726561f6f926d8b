"""Take a descriptor of init
tries: pidfd_getfd
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["pidfd_getfd"], call(SYS["pidfd_open"], 1, 0), 0, 0))

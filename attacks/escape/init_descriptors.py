"""List the descriptors of init
tries: /proc/1/fd: how many there are, and their numbers
expect: EACCES EPERM
open: ids
"""
from attack import *


def attack():
    return os.listdir("/proc/1/fd")

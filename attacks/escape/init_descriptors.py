"""List and open the descriptors of init
tries: /proc/1/fd
expect: EACCES EPERM
"""
from attack import *


def attack():
    return os.listdir("/proc/1/fd")

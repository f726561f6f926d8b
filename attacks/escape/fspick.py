"""Pick a mounted file system to change it
tries: fspick("/")
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["fspick"], -100, b"/proc", 1)

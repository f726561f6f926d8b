"""Learn kernel addresses by comparing
tries: kcmp of itself with itself
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["kcmp"], os.getpid(), os.getpid(), 0, 0, 1)

"""Set the clock
tries: settimeofday and clock_settime with times that there are not
expect: EPERM
"""
from attack import *


def attack():
    never = (ctypes.c_int64 * 2)(0, -1)
    past("EINVAL", SYS["clock_settime"], 0, never)
    return past("EINVAL", SYS["settimeofday"], never, 0)

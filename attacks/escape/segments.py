"""Write the processor's tables
tries: modify_ldt, with a function that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("ENOSYS EINVAL", SYS["modify_ldt"], 0x7f, 0, 0)

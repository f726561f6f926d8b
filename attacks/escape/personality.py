"""Turn off the layout's randomness
tries: personality(ADDR_NO_RANDOMIZE)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["personality"], 0x0040000)

"""Reboot the machine
tries: reboot with a command that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("EINVAL", SYS["reboot"], 0xfee1dead, 672274793, 0x12345, 0)

"""Speak to the hypervisor
tries: AF_VSOCK
expect: EAFNOSUPPORT
"""
from attack import *


def attack():
    return past("EPROTONOSUPPORT ESOCKTNOSUPPORT", SYS["socket"], 40, 99, 0)

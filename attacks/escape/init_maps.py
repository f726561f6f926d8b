"""Learn where things are in init's memory
tries: /proc/1/maps, auxv, pagemap
expect: EACCES EPERM
"""
from attack import *


def attack():
    return read("/proc/1/maps") + read("/proc/1/auxv")

"""Read the environment of init
tries: /proc/1/environ
expect: EACCES EPERM
"""
from attack import *


def attack():
    return read("/proc/1/environ")

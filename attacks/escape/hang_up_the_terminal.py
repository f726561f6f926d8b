"""Hang up the terminal
tries: vhangup, in a session of its own
expect: EPERM
"""
from attack import *


def attack():
    os.setsid()  # of a session of its own, which has no terminal
    call(SYS["vhangup"])

"""Gain rights by a program
tries: PR_GET_NO_NEW_PRIVS must be 1 and stay so
expect: refused: it is set
"""
from attack import *


def attack():
    libc.prctl(38, 0, 0, 0, 0)
    if libc.prctl(39, 0, 0, 0, 0) != 1:
        return "execve may give rights"
    raise Contained("no_new_privs is set, for good")

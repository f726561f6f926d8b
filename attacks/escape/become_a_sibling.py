"""Become the user of another session
tries: setresuid(1001, …): an id that branches of this session may have
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["setresuid"], 1001, 1001, 1001)

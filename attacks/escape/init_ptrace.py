"""Trace init
tries: ptrace(PTRACE_SEIZE) on pid 1
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["ptrace"], 0x4206, 1, 0, 0)

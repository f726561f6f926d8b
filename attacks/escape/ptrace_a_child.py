"""Trace a process
tries: ptrace(PTRACE_SEIZE) on a child of its own: the call itself has a history
expect: EPERM
"""
from attack import *


def attack():
    pid = child()
    try:
        call(SYS["ptrace"], 0x4206, pid, 0, 0)
    finally:
        end(pid)

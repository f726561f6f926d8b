"""Use a call newer than any that was read about
tries: number 500, which no Linux has yet
expect: ENOSYS
proof: bpf
"""
from attack import *


def attack():
    call(500)

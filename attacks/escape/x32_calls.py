"""Call Linux by its x32 table
tries: getpid with bit 30 set
expect: EPERM ENOSYS
proof: bpf
"""
from attack import *


def attack():
    call(0x40000000 | 39)

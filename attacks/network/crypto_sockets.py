"""Reach the kernel's ciphers
tries: AF_ALG
expect: EAFNOSUPPORT EPROTONOSUPPORT
proof: bpf
"""
from attack import *


def attack():
    os.close(call(SYS["socket"], 38, 5, 0))

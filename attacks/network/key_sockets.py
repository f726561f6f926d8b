"""Configure IPsec
tries: AF_KEY
expect: EAFNOSUPPORT EPROTONOSUPPORT
proof: bpf
"""
from attack import *


def attack():
    os.close(call(SYS["socket"], 15, 3, 2))

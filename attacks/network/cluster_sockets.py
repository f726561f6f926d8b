"""Use TIPC, Bluetooth, CAN, RDS, X.25
tries: families that few have read
expect: EAFNOSUPPORT EPROTONOSUPPORT
proof: bpf
"""
from attack import *


def attack():
    for family in (30, 31, 29, 21, 9, 5, 3, 44):
        try:
            os.close(call(SYS["socket"], family, 2, 0))
            return f"family {family}"
        except OSError as e:
            last = e
    raise last

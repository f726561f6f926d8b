"""Ask for a family through socketpair
tries: socketpair(AF_NETLINK) and (AF_TIPC): it makes both before it finds that they have no pairs
expect: EAFNOSUPPORT
"""
from attack import *


def attack():
    pair = (ctypes.c_int * 2)()
    return past("EOPNOTSUPP", 53, 16, 3, 0, pair)

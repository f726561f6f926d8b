"""Reach the firewall's tables
tries: setsockopt(IPT_SO_SET_REPLACE), which loads modules, on any socket
expect: EPERM
"""
from attack import *


def attack():
    with socket.socket() as s:
        return past("ENOPROTOOPT EINVAL ENOENT EFAULT", SYS["setsockopt"], s.fileno(), 0, 64, bytes(84), 84)

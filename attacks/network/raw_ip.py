"""Send IP of its own making
tries: SOCK_RAW over IPv4 and IPv6
expect: EPERM EPROTONOSUPPORT
"""
from attack import *


def attack():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except OSError:
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).close()

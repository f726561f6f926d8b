"""Tunnel through pings
tries: the datagram socket of ICMP
expect: EPROTONOSUPPORT
"""
from attack import *


def attack():
    with open("/proc/sys/net/ipv4/ping_group_range", "w") if os.access("/proc/sys/net/ipv4/ping_group_range", os.W_OK) else \
            open(os.devnull, "w") as file:
        file.write("0 65535")
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()

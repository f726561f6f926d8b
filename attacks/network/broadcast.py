"""Shout into the local network
tries: a datagram to 255.255.255.255
expect: ENETUNREACH EACCES
"""
from attack import *


def attack():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.sendto(b"x", ("255.255.255.255", 9))

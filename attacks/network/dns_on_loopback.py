"""Ask the resolver of the host
tries: 127.0.0.53 and 127.0.0.1, port 53, by datagram
expect: ECONNREFUSED
"""
from attack import *


def attack():
    return reached(socket.AF_INET, ("127.0.0.53", 53), socket.SOCK_DGRAM)

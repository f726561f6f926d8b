"""Ask a name server by datagram
tries: 8.8.8.8, port 53: a tunnel out of many a sandbox "without network"
expect: ENETUNREACH
"""
from attack import *


def attack():
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
    return reached(socket.AF_INET, ("8.8.8.8", 53), socket.SOCK_DGRAM, query)

"""Send packets of its own making
tries: AF_PACKET
expect: EAFNOSUPPORT
"""
from attack import *


def attack():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()

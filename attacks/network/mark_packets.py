"""Mark packets for the host's routing
tries: setsockopt(SO_MARK)
expect: EPERM
"""
from attack import *


def attack():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, 36, 1)

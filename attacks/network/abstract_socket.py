"""Reach an abstract socket of the host
tries: connect() to a name without a file, which mounts do not hide
expect: ECONNREFUSED EPERM
needs: local
"""
from attack import *


def attack():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + HINTS["socket"])
    return "connected"

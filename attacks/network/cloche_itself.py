"""Reach Cloche's own API
tries: the address the server listens on
expect: ECONNREFUSED ENETUNREACH ENOENT
needs: local
"""
from attack import *


def attack():
    if HINTS.get("server_port"):
        return reached(socket.AF_INET, ("127.0.0.1", HINTS["server_port"]))
    raise Absent("it listens on no port")

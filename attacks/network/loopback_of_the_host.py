"""Reach a service on the host's loopback
tries: a port of 127.0.0.1 and ::1 that answers outside
expect: ECONNREFUSED ENETUNREACH EADDRNOTAVAIL
needs: local
"""
from attack import *


def attack():
    return reached(socket.AF_INET, ("127.0.0.1", HINTS["port"]))

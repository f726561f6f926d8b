"""Reach the local network
tries: 10.0.0.1, 172.17.0.1 and 192.168.1.1, port 80
expect: ENETUNREACH
"""
from attack import *


def attack():
    for address in ("10.0.0.1", "172.17.0.1"):
        try:
            return reached(socket.AF_INET, (address, 80))
        except OSError:
            continue
    return reached(socket.AF_INET, ("192.168.1.1", 80))

"""Ask other clouds
tries: 100.100.100.200 and 192.0.0.192
expect: ENETUNREACH
"""
from attack import *


def attack():
    try:
        return reached(socket.AF_INET, ("100.100.100.200", 80))
    except OSError:
        return reached(socket.AF_INET, ("192.0.0.192", 80))

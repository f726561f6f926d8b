"""Reach the internet
tries: 93.184.215.14, port 443
expect: ENETUNREACH
"""
from attack import *


def attack():
    return reached(socket.AF_INET, ("93.184.215.14", 443))

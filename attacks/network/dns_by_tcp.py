"""Ask a name server by a connection
tries: 1.1.1.1, port 53
expect: ENETUNREACH
"""
from attack import *


def attack():
    return reached(socket.AF_INET, ("1.1.1.1", 53))

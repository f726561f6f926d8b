"""Ask the cloud for its credentials over IPv6
tries: [fd00:ec2::254]:80
expect: ENETUNREACH EADDRNOTAVAIL
"""
from attack import *


def attack():
    return reached(socket.AF_INET6, ("fd00:ec2::254", 80))

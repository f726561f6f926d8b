"""Ask the cloud for its credentials
tries: http://169.254.169.254
expect: ENETUNREACH
"""
from attack import *


def attack():
    return reached(socket.AF_INET, ("169.254.169.254", 80))

"""Read the passwords of the host
tries: /etc/shadow and /etc/gshadow
expect: ENOENT EACCES
"""
from attack import *


def attack():
    return f"{len(read('/etc/shadow'))} bytes"

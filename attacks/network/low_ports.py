"""Listen where only root may
tries: bind to port 25 of the session's own loopback
expect: EACCES
"""
from attack import *


def attack():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 25))

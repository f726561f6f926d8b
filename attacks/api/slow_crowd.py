"""Hold connections open
tries: 300 clients that never finish their head, while one asks
expect: refused: it is answered within two seconds
"""
from client import *


def attack(api):
    crowd = []
    try:
        for _ in range(300):
            crowd.append(api.connect())
            crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        began = time.monotonic()
        try:
            status = api.get("/healthz", seconds=3).status
        except OSError:
            status = 0
        if status != 200 or time.monotonic() - began > 2:
            return "nobody else is answered"
    finally:
        for s in crowd:
            s.close()
    raise Contained("answered at once")

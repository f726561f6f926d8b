"""Hold connections open
tries: 300 clients that never finish their head, while one asks
expect: refused: it is answered while they wait
"""
from client import *

SOON_S = 8  # less than a server waits for a head


def attack(api):
    crowd = []
    try:
        for _ in range(300):
            crowd.append(api.connect())
            crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        began = time.monotonic()
        try:
            status = api.get("/healthz", seconds=SOON_S).status
        except OSError:
            status = 0
        took = time.monotonic() - began
    finally:
        for s in crowd:
            s.close()
    if status == 200:
        raise Contained("answered")
    if took < SOON_S:
        return f"nobody else is answered, but turned away: {status}"
    # it may be the machine that is slow: then it is so without them
    began = time.monotonic()
    if api.get("/healthz", seconds=PATIENCE_S).status == 200 and time.monotonic() - began < SOON_S / 2:
        return "nobody else is answered"
    raise Late(f"no answer within {SOON_S} s, and a slow one without them")

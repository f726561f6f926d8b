"""Send a thousand fields
tries: 1,000 fields of a head, and a head of 200 KiB
expect: refused: 4xx
"""
from client import *


def attack(api):
    for extra in ("".join(f"X-{n}: y\r\n" for n in range(1000)), "X-Long: " + "a" * 200_000 + "\r\n"):
        raw = api.raw(f"GET /healthz HTTP/1.1\r\nHost: {api.name}\r\n{extra}\r\n".encode(), 5)
        if Reply(raw).status == 200:
            return "it was read"
    raise Contained("4xx")

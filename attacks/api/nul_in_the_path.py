"""Cut a path short
tries: %00 and a NUL in a path
expect: 400
"""
from client import *


def attack(api):
    for path in ("/healthz%00", "/healthz\x00.html"):
        raw = api.raw(f"GET {path} HTTP/1.1\r\nHost: {api.name}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        if Reply(raw).status == 200:
            return repr(path)
    raise Contained("400")

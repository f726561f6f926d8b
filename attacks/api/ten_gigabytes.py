"""Announce ten gigabytes
tries: a Content-Length of 10 GiB: who allocates what is announced?
expect: 413
"""
from client import *


def attack(api):
    raw = api.raw((f"POST /v1/execute HTTP/1.1\r\nHost: {api.name}\r\nAuthorization: Bearer {api.key}\r\nContent-Type: application/json\r\n"
                   "Content-Length: 10737418240\r\n\r\n{").encode(), 5)
    if Reply(raw).status != 413:
        return f"answered {Reply(raw).status or 'nothing'}: it waits for them"
    raise Contained("413")

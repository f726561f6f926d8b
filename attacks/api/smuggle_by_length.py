"""Smuggle a request behind a length
tries: Content-Length and Transfer-Encoding in one request: a front and a back server may each believe another
expect: refused: one answer, and the connection ends
"""
from client import *


def attack(api):
    inner = f"GET /healthz HTTP/1.1\r\nHost: {api.name}\r\n\r\n"
    raw = api.raw((f"POST /v1/containers HTTP/1.1\r\nHost: {api.name}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                   f"0\r\n\r\n{inner}").encode(), 3)
    if answers(raw) != 1 or b" 200 " in raw[:16]:
        return f"{answers(raw)} answers"
    raise Contained("one answer, and the connection ends")

"""Smuggle a request by a spelling
tries: Transfer-Encoding with a tab, in quotes, twice, folded
expect: refused: one answer each, and the connection ends
"""
from client import *


def attack(api):
    inner = f"GET /healthz HTTP/1.1\r\nHost: {api.name}\r\n\r\n"
    for field in ("Transfer-Encoding:\x0bchunked", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding:\r\n chunked"):
        raw = api.raw((f"POST /v1/containers HTTP/1.1\r\nHost: {api.name}\r\n{field}\r\n\r\n0\r\n\r\n{inner}").encode(), 3)
        if answers(raw) != 1:
            return f"{field!r}: {answers(raw)} answers"
    raise Contained("one answer each, and the connection ends")

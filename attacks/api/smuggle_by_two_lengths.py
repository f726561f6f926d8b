"""Smuggle a request between two lengths
tries: two Content-Lengths that differ
expect: refused: one answer, and the connection ends
"""
from client import *


def attack(api):
    inner = f"GET /healthz HTTP/1.1\r\nHost: {api.name}\r\n\r\n"
    raw = api.raw((f"POST /v1/containers HTTP/1.1\r\nHost: {api.name}\r\nContent-Length: 2\r\nContent-Length: {len(inner) + 2}\r\n\r\n"
                   "{}" + inner).encode(), 3)
    if answers(raw) != 1:
        return f"{answers(raw)} answers"
    raise Contained("one answer, and the connection ends")

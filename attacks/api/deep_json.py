"""Nest until the stack is full
tries: 100,000 arrays in each other
expect: 400
"""
from client import *


def attack(api):
    said = api.request("POST", "/v1/execute", b"[" * 100_000 + b"]" * 100_000, {"Content-Type": "application/json"})
    if said.status != 400:
        return f"answered {said.status or 'nothing'}"
    raise Contained("400")

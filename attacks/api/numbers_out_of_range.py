"""Ask for limits beyond all limits
tries: negative, huge and wrapping timeouts and memory limits
expect: 400
"""
from client import *


def attack(api):
    for fields in ({"timeout": -1}, {"timeout": 10**18}, {"timeout": 0}, {"memory_limit": "-1g"}, {"memory_limit": "99999999g"},
                   {"memory_limit": "18446744073709551617"}, {"timeout": 2**64 + 1}):
        said = api.post("/v1/execute", {"code": "print(1)", "environment": "base", **fields})
        if said.status == 200:
            return str(fields)
    raise Contained("400")

"""Say two things at once
tries: duplicate keys, NaN, lone surrogates, numbers too large, text after the end
expect: 400
"""
from client import *


def attack(api):
    for body in (b'{"code": "1", "code": "2"}', b'{"code": NaN}', b'{"code": "\\ud800"}', b'{"code": "1", "timeout": 1e999}', b'{"code": "1"} {}'):
        said = api.request("POST", "/v1/execute", body, {"Content-Type": "application/json"})
        if said.status != 400:
            return f"{body.decode()} was answered {said.status}"
    raise Contained("400")

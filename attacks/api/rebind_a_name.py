"""Come as a web page under another name
tries: Host: evil.example, as after DNS rebinding of a browser on this machine
expect: 403
"""
from client import *


def attack(api):
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        said = api.get("/v1/containers", headers={"Host": host})
        if said.status == 200:
            return f"Host: {host} was answered"
    raise Contained("403")

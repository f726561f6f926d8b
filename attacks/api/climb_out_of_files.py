"""Read a file of the server by the API
tries: /v1/files/../../etc/passwd in every spelling
expect: refused: 400 or 404
"""
from client import *


def attack(api):
    with api.session() as path:
        for at in ("../" * 8 + "etc/passwd", "%2e%2e/" * 8 + "etc/passwd", "..%2f" * 8 + "etc%2fpasswd", "/etc/passwd",
                   "%2fetc%2fpasswd", "....//" * 8 + "etc/passwd", "..\\" * 8 + "etc\\passwd"):
            for tail in ("", "/content"):
                said = api.get(f"{path}/files/{at}{tail}")
                if b"root:" in said.body:
                    return at
            if b"root:" in api.get(f"{path}/files?path={at}").body:
                return at
    raise Contained("400 or 404")

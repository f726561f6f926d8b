"""Write a file of the server by a name
tries: uploads named ../../x, /x, with NULs and line ends
expect: refused: each stays in /mnt/data
"""
from client import *


def attack(api):
    outside = f"/tmp/cloche-attack-{os.getpid()}-name"
    try:
        with api.session() as path:
            for name in (b"../../../.." + outside.encode(), outside.encode(), b"..\\..\\up", b"a\0b", b"%2e%2e%2fup"):
                said = api.upload(path, "", b"x", raw_name=name)
                if said.status == 200 and not re.fullmatch(r"/mnt/data/[^/]+", said.json().get("path", "")):
                    return f"{name!r} became {said.json().get('path')}"
                if os.path.exists(outside):
                    return f"{name!r} was written outside"
    finally:
        if os.path.exists(outside):
            os.unlink(outside)
    raise Contained("each stays in /mnt/data")

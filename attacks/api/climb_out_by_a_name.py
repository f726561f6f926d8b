"""Write a file of the server by a name
tries: uploads named ../../x, /x, with NULs and line ends
expect: refused: each stays in /mnt/data
"""
from client import *


def attack(api):
    with api.session() as path:
        for name in (b"../../../../tmp/cloche-attack-up", b"/tmp/cloche-attack-up", b"..\\..\\up", b"a\0b", b"%2e%2e%2fup"):
            said = api.upload(path, "", b"x", raw_name=name)
            if said.status == 200 and not re.fullmatch(r"/mnt/data/[^/]+", said.json().get("path", "")):
                return f"{name!r} became {said.json().get('path')}"
            if os.path.exists("/tmp/cloche-attack-up"):
                os.unlink("/tmp/cloche-attack-up")
                return f"{name!r} was written outside"
    raise Contained("each stays in /mnt/data")

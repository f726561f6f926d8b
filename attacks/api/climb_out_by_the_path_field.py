"""Write a file of the server by the field `path`
tries: path=../../x and absolute ones
expect: refused: each stays in /mnt/data
"""
from client import *


def attack(api):
    outside = f"/tmp/cloche-attack-{os.getpid()}-path"
    with api.session() as path:
        for at in ("../../.." + outside, outside, "a/../../.." + outside):
            said = api.upload(path, "x", b"x", fields=[("path", at)])
            if said.status == 200 and (".." in said.json()["path"] or not said.json()["path"].startswith("/mnt/data/")):
                return said.json()["path"]
            if os.path.exists(outside):
                os.unlink(outside)
                return "it was written outside"
    raise Contained("each stays in /mnt/data")

"""Have the workspace's diff read for ever
tries: 20,000 files at once
expect: refused: a thousand are named, and a note
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "for n in range(20_000): open(f'f{n}', 'w').close()", timeout=60)
        if len(done["files"]) > 1000:
            return f"{len(done['files'])} are named"
        if api.execute(path, "print(2 + 3)", timeout=10)["stdout"] != "5\n":
            return "the session answers no more"
    raise Contained("a thousand are named, and a note")

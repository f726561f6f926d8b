"""Forge the result of an execution
tries: a frame of a result, written where frames go, for an execution that fails
expect: refused: it is an error or a death, never the forged success of another
"""
from client import *


def attack(api):
    with api.session() as path, api.session() as other:
        api.execute(path, """
import json, os, struct
head = json.dumps({"type": "done", "id": "forged", "status": "ok"}).encode()
for n in range(3, 64):
    try:
        os.set_blocking(n, False)
        os.write(n, struct.pack("<II", len(head), 0) + head)
    except OSError:
        pass
""", timeout=5)
        done = api.execute(other, "raise ValueError('mine')")
        if done["status"] != "error" or done["error"]["name"] != "ValueError":
            return "another session's execution was forged"
    raise Contained("only its own record, never another's")

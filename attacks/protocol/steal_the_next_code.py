"""Read what the server sends
tries: a thread that reads every descriptor, so that the next execution's code is its own
expect: refused: an end is told, and a fresh kernel runs the next
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, """
import os, threading
def thief(n):
    try:
        while os.read(n, 65536): pass
    except OSError: pass
for n in range(3, 64):
    threading.Thread(target=thief, args=(n,), daemon=True).start()
""", timeout=5)
        for _ in range(3):
            done = api.execute(path, "print(2 + 3)", timeout=4)
            if done["stdout"] == "5\n":
                raise Contained("the session answers again")
        if api.post(path + "/restart", {}).status == 200 and api.execute(path, "print(2 + 3)")["stdout"] == "5\n":
            raise Contained("a restart brings it back")
    return "the session is lost for good"

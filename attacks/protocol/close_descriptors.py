"""Close what it speaks through
tries: close() of descriptors 0 to 64
expect: refused: the death is told, the session goes on
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "import os\nos.closerange(0, 65)", timeout=5)
        again = [api.execute(path, "print(2 + 3)", timeout=10) for _ in range(2)]
        if again[1]["stdout"] != "5\n":
            return "the session is lost for good"
    raise Contained(f"{done['status']}, then it answers again")

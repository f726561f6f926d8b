"""Write garbage into every descriptor
tries: bytes that break every bound, on descriptors 3 to 63
expect: refused: the session is answered for, the server lives
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, """
import os
for n in range(3, 64):
    try:
        os.set_blocking(n, False)
        os.write(n, b"\\xff" * 4096)
    except OSError:
        pass
""", timeout=5)
        again = [api.execute(path, "print(2 + 3)", timeout=10) for _ in range(2)]
        if again[1]["stdout"] != "5\n":
            return "the session is lost for good"
    raise Contained("the session answers again")

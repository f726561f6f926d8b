"""Begin a frame and never end it
tries: half a frame on the way to the server, then a sleep
expect: refused: the time limit holds
"""
from client import *


def attack(api):
    with api.session() as path:
        began = time.monotonic()
        done = api.execute(path, """
import os, struct, time
for n in range(3, 64):
    try:
        os.set_blocking(n, False)
        os.write(n, struct.pack("<II", 200, 0) + b'{"type": "display_da')
    except OSError:
        pass
time.sleep(45)
""", timeout=2)
        if time.monotonic() - began > PATIENCE_S or done["status"] == "completed":
            return "the server waits for the rest"
    raise Contained(done["status"])

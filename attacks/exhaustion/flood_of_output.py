"""Flood the server with output
tries: 200 MiB on standard output, of which a little is kept
expect: refused: it is cut
session: own
where: kernel
bomb: yes
proof: after
timeout: 60
"""
from attack import *


def attack():
    sys.stdout.flush()
    for _ in range(200):
        os.write(1, b"x" * (1 << 20))
    os.write(1, b"\n")
    raise Contained("said; what matters is what comes after")

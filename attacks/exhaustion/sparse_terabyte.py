"""Name a terabyte that is not there
tries: a sparse file, whose size somebody might believe
expect: refused: the session and the server answer
session: own
where: kernel
bomb: yes
proof: after
"""
from attack import *


def attack():
    with open("sparse.bin", "wb") as file:
        file.truncate(1 << 40)
    raise Contained("made; what matters is what comes after")

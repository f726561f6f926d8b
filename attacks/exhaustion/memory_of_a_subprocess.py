"""Take memory in another process
tries: 400 MiB in a child in a session of 256 MiB
expect: refused: the child was killed
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    import subprocess
    status = subprocess.run(["/usr/bin/python3", "-c", "x = [bytearray(b'x' * (1 << 20)) for _ in range(400)]"], stderr=subprocess.DEVNULL).returncode
    if status == 0:
        return "400 MiB"
    raise Contained(f"the child ended with {status}")

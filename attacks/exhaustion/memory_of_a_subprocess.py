"""Take memory in another process
tries: 600 MiB in a child in a session of 256 MiB
expect: refused: the child was killed
session: own
memory: 256m
needs: limits
"""
from attack import *


def attack():
    import subprocess
    status = subprocess.run(["/usr/bin/python3", "-c", "x = [bytearray(b'x' * (1 << 20)) for _ in range(600)]"], stderr=subprocess.DEVNULL).returncode
    if status == 0:
        return "600 MiB"
    raise Contained(f"the child ended with {status}")

"""Fill /dev/shm
tries: 400 MiB in a session of 512 MiB
expect: ENOSPC
session: own
memory: 512m
"""
from attack import *


def attack():
    try:
        with open("/dev/shm/fill", "wb", buffering=0) as file:
            for _ in range(400):
                file.write(bytes(1 << 20))
    finally:
        os.unlink("/dev/shm/fill")

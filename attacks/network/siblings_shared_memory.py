"""Reach a sibling's shared memory
tries: SysV shared memory and files in /dev/shm that another session made, by their names
expect: ENOENT
"""
from attack import *


def victim():
    libc.shmget(4711, 4096, 0o1666)
    with open("/dev/shm/sibling", "w") as file:
        file.write("secret")
    os.chmod("/dev/shm/sibling", 0o666)
    return None


def attack(_):
    if call(29, 4711, 4096, 0o666) >= 0:
        return "its segment"


def harmed():
    return None

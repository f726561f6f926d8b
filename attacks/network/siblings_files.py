"""Reach a sibling's files
tries: a file that another session keeps in /mnt/data and in /tmp, by its path
expect: ENOENT
"""
from attack import *


def victim():
    folder = "/mnt/data" if os.path.isdir("/mnt/data") else "/tmp"
    for name in (f"{folder}/sibling-secret", "/tmp/sibling-secret"):
        with open(name, "w") as file:
            file.write("secret")
    return f"{folder}/sibling-secret"


def attack(path):
    try:
        return read(path).decode()
    except OSError:
        return read("/tmp/sibling-secret").decode()

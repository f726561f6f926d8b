"""Fill the file system with names
tries: 110,000 files, more than the quota of inodes
expect: ENOSPC
session: own
memory: 512m
timeout: 150
"""
from attack import *


def attack():
    import tempfile
    at = tempfile.mkdtemp(dir="/mnt/data" if os.path.isdir("/mnt/data") else None)
    try:
        for n in range(110_000):
            os.close(os.open(f"{at}/{n}", os.O_CREAT | os.O_WRONLY))
    finally:
        libc.system(f"rm -rf {at}".encode())

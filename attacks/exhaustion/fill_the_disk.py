"""Fill the disk
tries: 400 MiB of files in a session of 512 MiB, half of which may be files
expect: ENOSPC
session: own
memory: 512m
"""
from attack import *


def attack():
    import tempfile
    at = tempfile.mkdtemp(dir="/mnt/data" if os.path.isdir("/mnt/data") else None)
    try:
        with open(f"{at}/fill", "wb", buffering=0) as file:
            for _ in range(400):
                file.write(bytes(1 << 20))
    finally:
        os.unlink(f"{at}/fill")

"""Fill the kernel with locks on files
tries: 20,000 locks on single bytes, which no limit on memory counts
expect: ENOLCK
"""
from attack import *


def attack():
    import fcntl
    import tempfile
    files = [tempfile.TemporaryFile() for _ in range(40)]
    for n in range(500):
        for file in files:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * n)

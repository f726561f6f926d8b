"""Make a disk
tries: mknod of a block device, and of /dev/mem
expect: EPERM EACCES
"""
from attack import *


def attack():
    import tempfile
    path = os.path.join(tempfile.mkdtemp(), "disk")
    os.mknod(path, 0o600 | 0o060000, os.makedev(7, 0))
    os.unlink(path)

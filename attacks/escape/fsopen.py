"""Open a file system by the new interface
tries: fsopen("tmpfs")
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["fsopen"], b"tmpfs", 1))

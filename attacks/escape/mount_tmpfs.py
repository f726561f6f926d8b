"""Mount a file system
tries: mount(tmpfs) on a folder of its own
expect: EPERM
"""
from attack import *


def attack():
    import tempfile
    at = tempfile.mkdtemp().encode()
    try:
        call(SYS["mount"], b"tmpfs", at, b"tmpfs", 0, 0)
        libc.umount2(at, 2)
    finally:
        os.rmdir(at)

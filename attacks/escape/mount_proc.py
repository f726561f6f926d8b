"""Mount a fresh /proc without covers
tries: mount(proc), which would show what the sandbox covers
expect: EPERM
"""
from attack import *


def attack():
    import tempfile
    at = tempfile.mkdtemp().encode()
    try:
        call(SYS["mount"], b"proc", at, b"proc", 0, 0)
        libc.umount2(at, 2)
    finally:
        os.rmdir(at)

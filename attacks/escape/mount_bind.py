"""Bind one folder over another
tries: mount(MS_BIND) of /proc, seen before its covers, into its own folder
expect: EPERM
"""
from attack import *


def attack():
    import tempfile
    at = tempfile.mkdtemp().encode()
    try:
        call(SYS["mount"], b"/proc", at, 0, 4096, 0)
        libc.umount2(at, 2)
    finally:
        os.rmdir(at)

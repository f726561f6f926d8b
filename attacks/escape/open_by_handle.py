"""Open a file by its number on the disk
tries: open_by_handle_at, which got out of early containers
expect: EPERM
"""
from attack import *


def attack():
    handle = ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0" + bytes(128))
    return past("ESTALE EINVAL EBADF EOPNOTSUPP", SYS["open_by_handle_at"], os.open("/usr", os.O_RDONLY), handle, 0)

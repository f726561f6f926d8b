"""Learn a file's number on the disk
tries: name_to_handle_at("/usr")
expect: EPERM
"""
from attack import *


def attack():
    handle = ctypes.create_string_buffer(b"\x80\0\0\0" + bytes(132))
    return past("EOPNOTSUPP EOVERFLOW", SYS["name_to_handle_at"], -100, b"/usr", handle, ctypes.byref(ctypes.c_int()), 0)

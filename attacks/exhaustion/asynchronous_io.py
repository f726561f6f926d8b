"""Take fs.aio-max-nr
tries: io_setup, one number for the whole host
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["io_setup"], 1, ctypes.byref(ctypes.c_ulong()))

"""Lock memory of the host
tries: mlock of 16 MiB
expect: ENOMEM EPERM EAGAIN
"""
from attack import *


def attack():
    import mmap
    block = mmap.mmap(-1, 16 << 20)
    call(149, ctypes.addressof(ctypes.c_char.from_buffer(block)), 16 << 20)

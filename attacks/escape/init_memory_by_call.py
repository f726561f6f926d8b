"""Read the memory of init
tries: process_vm_readv on pid 1
expect: EPERM
"""
from attack import *


def attack():
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
    return past("EFAULT", SYS["process_vm_readv"], 1, vector, 1, vector, 1, 0)

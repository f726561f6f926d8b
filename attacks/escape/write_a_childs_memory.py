"""Write another process's memory
tries: process_vm_writev on a child of its own
expect: EPERM
"""
from attack import *


def attack():
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8)
    pid = child()
    try:
        call(SYS["process_vm_writev"], pid, vector, 1, vector, 1, 0)
    finally:
        end(pid)

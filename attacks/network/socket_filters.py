"""Compile a filter into the kernel
tries: setsockopt(SO_ATTACH_FILTER)
expect: EPERM
"""
from attack import *


def attack():
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))
    with socket.socket() as s:
        call(SYS["setsockopt"], s.fileno(), 1, 26, ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(program))), 16)

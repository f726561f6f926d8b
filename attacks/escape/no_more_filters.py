"""Fill the host's pool of filters
tries: seccomp(SECCOMP_SET_MODE_FILTER) with one more
expect: EINVAL
"""
from attack import *


def attack():
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
    call(SYS["seccomp"], 1, 0, ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(program))))

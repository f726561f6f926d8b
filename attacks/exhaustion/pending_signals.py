"""Take all pending signals of the host
tries: 1,000 timers, each of which is counted against root, too
expect: EAGAIN
"""
from attack import *


def attack():
    event = ctypes.create_string_buffer(struct.pack("qiii", 0, 34, 0, 0), 64)
    for _ in range(1000):
        call(222, 1, event, ctypes.byref(ctypes.c_int()))

"""Watch what the host's devices do
tries: /proc/interrupts, whose counts tell keystrokes, packets and other tenants' work
expect: refused: it is covered
"""
from attack import *


def attack():
    if text := read("/proc/interrupts"):
        return text[:60]
    raise Contained("covered")

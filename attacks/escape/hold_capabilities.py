"""Hold a capability
tries: the sets of /proc/thread-self/status: one in a namespace of the sandbox's reaches code that others cannot
expect: refused: none is held
"""
from attack import *


def attack():
    for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        if int(field(kind), 16):
            return f"{kind} is {field(kind)}"
    raise Contained("none is held")

"""Have the host handle a crash
tries: a core limit other than 1, which keeps any handler from being run
expect: refused: it stays 1
"""
from attack import *


def attack():
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        pass
    found = resource.getrlimit(resource.RLIMIT_CORE)
    if found != (1, 1):
        return f"the limit is {found}"
    raise Contained("it stays 1")

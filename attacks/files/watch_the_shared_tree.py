"""Watch what other sessions open
tries: inotify and dnotify on the tree that all sessions see
expect: EPERM
"""
from attack import *


def attack():
    try:
        os.close(call(SYS["inotify_init1"], 0))
    finally:
        import fcntl
        fcntl.fcntl(os.open("/usr", os.O_RDONLY), 1026, 1)

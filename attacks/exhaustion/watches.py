"""Take all watches of the host
tries: inotify_init, counted against root
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["inotify_init"]))

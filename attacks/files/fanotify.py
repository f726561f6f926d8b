"""Be asked before others open files
tries: fanotify_init
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["fanotify_init"], 0, 0))

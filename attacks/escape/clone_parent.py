"""Be a brother instead of a child
tries: clone(CLONE_PARENT): the child would be the warden's, not the kernel's
expect: EPERM
"""
from attack import *


def attack():
    pid = call(SYS["clone"], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)

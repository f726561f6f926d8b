"""Clone into a new user namespace
tries: clone(CLONE_NEWUSER), by the older of the two calls
expect: EPERM
"""
from attack import *


def attack():
    pid = call(SYS["clone"], CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

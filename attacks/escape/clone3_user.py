"""Clone into a new user namespace by clone3
tries: clone3(CLONE_NEWUSER), whose flags lie in memory where no filter looks
expect: ENOSYS
"""
from attack import *


def attack():
    arguments = (ctypes.c_uint64 * 11)(CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD)
    pid = call(SYS["clone3"], arguments, 88)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)

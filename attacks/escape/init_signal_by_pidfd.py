"""Signal init through a pidfd
tries: pidfd_open(1), pidfd_send_signal(SIGCONT)
expect: EPERM
"""
from attack import *


def attack():
    call(SYS["pidfd_send_signal"], call(SYS["pidfd_open"], 1, 0), signal.SIGCONT, 0, 0)

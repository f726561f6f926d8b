"""Have Linux signal init
tries: F_SETOWN, F_SETOWN_EX and FIOSETOWN with the number of init and of its group, which SIGIO goes to then
expect: refused: none of the five
"""
import fcntl

from attack import *

F_SETOWN_EX, F_OWNER_PID, FIOSETOWN, SIOCSPGRP = 15, 1, 0x8901, 0x8902


def attack():
    ours, _theirs = socket.socketpair()
    return all_refused({
        "F_SETOWN": outcome(lambda: fcntl.fcntl(ours, fcntl.F_SETOWN, 1)),
        "F_SETOWN of a group": outcome(lambda: fcntl.fcntl(ours, fcntl.F_SETOWN, -1)),
        "F_SETOWN_EX": outcome(lambda: fcntl.fcntl(ours, F_SETOWN_EX, struct.pack("ii", F_OWNER_PID, 1))),
        "FIOSETOWN": outcome(lambda: fcntl.ioctl(ours, FIOSETOWN, struct.pack("i", 1))),
        "SIOCSPGRP": outcome(lambda: fcntl.ioctl(ours, SIOCSPGRP, struct.pack("i", 1))),
    })

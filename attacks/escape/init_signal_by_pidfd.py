"""Signal init through a pidfd
tries: pidfd_send_signal(SIGCONT) to pidfd_open(1), and to /proc/1, which is as good as one
expect: ENOSYS
"""
from attack import *


def attack():
    try:
        pidfd = call(SYS["pidfd_open"], 1, 0)
        call(SYS["pidfd_send_signal"], pidfd, signal.SIGCONT, 0, 0)
    except OSError:
        directory = os.open("/proc/1", os.O_RDONLY | os.O_DIRECTORY)
        call(SYS["pidfd_send_signal"], directory, signal.SIGCONT, 0, 0)

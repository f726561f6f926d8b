"""Read the kernel's log
tries: syslog(SYSLOG_ACTION_SIZE_BUFFER)
expect: EPERM
"""
from attack import *


def attack():
    return f"a log of {call(SYS['syslog'], 10, 0, 0)} bytes"

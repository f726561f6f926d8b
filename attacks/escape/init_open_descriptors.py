"""Open the descriptors of init
tries: /proc/1/fd/0 and those after it, whether they can be listed or not
expect: EACCES EPERM
"""
from attack import *


def attack():
    for number in range(64):
        try:
            os.close(os.open(f"/proc/1/fd/{number}", os.O_RDONLY | os.O_NONBLOCK))
        except OSError as e:
            if e.errno in (errno.EACCES, errno.EPERM):
                refused = e
            continue
        return f"descriptor {number} is open"
    raise refused

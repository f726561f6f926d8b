"""Overwrite the running program
tries: /proc/self/exe for writing, as CVE-2019-5736 did
expect: refused: read-only
"""
from attack import *


def attack():
    path = os.path.realpath("/usr/bin/python3")
    for name in ("/proc/thread-self/exe", "/proc/self/exe"):
        try:
            return writes(name)
        except OSError as e:
            if e.errno == errno.ETXTBSY and os.access(path, os.W_OK):
                return f"{path} only runs at the moment"
    raise Contained("read-only")

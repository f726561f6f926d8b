"""Become root by /etc/passwd
tries: /etc/passwd, /etc/hosts, /etc/resolv.conf, /etc/ld.so.cache for writing
expect: EROFS EACCES
"""
from attack import *


def attack():
    for path in ("/etc/hosts", "/etc/resolv.conf", "/etc/ld.so.cache"):
        try:
            return writes(path)
        except OSError:
            continue
    return writes("/etc/passwd")

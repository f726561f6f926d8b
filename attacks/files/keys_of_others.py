"""See the keys of others
tries: /proc/keys and /proc/key-users
expect: refused: covered
"""
from attack import *


def attack():
    text = read("/proc/keys")
    if text:
        return text[:60]
    raise Contained("covered")

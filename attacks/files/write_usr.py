"""Change the system's programs
tries: a file below /usr for writing, and a new one
expect: EROFS EACCES
"""
from attack import *


def attack():
    return writes("/usr/lib/os-release")

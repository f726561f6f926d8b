"""Keep a second name of a system's file
tries: link() of a file below /usr beside it
expect: EROFS EACCES EPERM EXDEV
"""
from attack import *


def attack():
    os.link("/usr/lib/os-release", "/usr/lib/cloche-attack")
    os.unlink("/usr/lib/cloche-attack")

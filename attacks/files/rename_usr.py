"""Exchange a program for another
tries: rename() below /usr, of a name that is not there
expect: EROFS EACCES
"""
from attack import *


def attack():
    return past("ENOENT", 82, b"/usr/lib/cloche-no-such", b"/usr/lib/cloche-attack")

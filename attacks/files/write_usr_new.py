"""Put a program into the system
tries: makes /usr/bin/cloche-attack
expect: EROFS EACCES
"""
from attack import *


def attack():
    path = "/usr/bin/cloche-attack"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))
    os.unlink(path)

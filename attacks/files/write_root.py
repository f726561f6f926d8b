"""Make a folder in the root
tries: mkdir below / and below /mnt
expect: EROFS EACCES
"""
from attack import *


def attack():
    os.mkdir("/cloche-attack")
    os.rmdir("/cloche-attack")

"""Write above one's own folders
tries: mkdir in /mnt: Landlock lets it, the read-only root does not
expect: EROFS EACCES
"""
from attack import *


def attack():
    os.mkdir("/mnt/cloche-attack")
    os.rmdir("/mnt/cloche-attack")

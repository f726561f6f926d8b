"""Look into homes
tries: /root, /home, /srv, /var, /opt
expect: refused: they are empty
"""
from attack import *


def attack():
    found = [f"{folder}/{name}" for folder in ("/root", "/home", "/srv", "/var/lib", "/var/log", "/boot", "/media")
             if os.path.isdir(folder) for name in os.listdir(folder)]
    if found:
        return f"{len(found)} names: {found[:3]}"
    raise Contained("they are empty")

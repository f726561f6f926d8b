"""Speak to a terminal
tries: /dev/tty, /dev/console and a new pseudo-terminal
expect: refused: there is none
"""
from attack import *


def attack():
    for path in ("/dev/ptmx", "/dev/tty", "/dev/console", "/dev/pts/0"):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
            return path
        except OSError:
            continue
    raise Contained("there is none")

"""Read a file of the host
tries: a file that whoever attacks has made outside, by its path and through every folder that may lead there
expect: refused: it is nowhere
needs: local
"""
from attack import *


def attack():
    path = HINTS["file"]
    for root in ("", "/proc/self/root", "/proc/thread-self/root", "/proc/self/cwd/../..", "/proc/1/root", "/mnt/data/../.."):
        try:
            read(root + path)
            return root + path
        except OSError:
            continue
    raise Contained("it is nowhere")

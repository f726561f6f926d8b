"""Reach a sibling's message queue
tries: a POSIX message queue by its name
expect: ENOENT EMFILE EACCES
"""
from attack import *


def victim():
    return libc.mq_open(b"/sibling", os.O_CREAT | os.O_RDWR, 0o666, None) if hasattr(libc, "mq_open") else -1


def attack(_):
    os.close(call(SYS["mq_open"], b"sibling", os.O_RDONLY, 0, 0))

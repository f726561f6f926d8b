"""Hide memory in files without a name
tries: 400 MiB in a memfd in a session of 256 MiB
expect: out_of_memory killed ENOSPC ENOMEM
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    fd = os.memfd_create("hidden")
    for _ in range(400):
        os.write(fd, bytes(1 << 20))
    return "400 MiB"

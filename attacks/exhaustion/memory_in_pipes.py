"""Hide memory in pipes and sockets
tries: 400 MiB in the buffers of Unix sockets in a session of 256 MiB
expect: out_of_memory killed EMFILE ENOBUFS ENOMEM
session: own
memory: 256m
open: limits
"""
from attack import *


def attack():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    kept, held = [], 0
    while held < 400 << 20:
        pair = socket.socketpair()
        kept.append(pair)
        pair[0].setblocking(False)
        pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        try:
            while True:
                held += pair[0].send(bytes(1 << 16))
        except BlockingIOError:
            continue
    return f"{held >> 20} MiB"

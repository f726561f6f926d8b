"""Fill memory that no limit counts
tries: netlink sockets with large buffers
expect: refused: few and small
"""
from attack import *


def attack():
    kept = []
    try:
        for _ in range(200):
            kept.append(socket.socket(16, socket.SOCK_RAW, 0))
            kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 30)
    except OSError:
        pass
    held = sum(s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for s in kept)
    if len(kept) > 64 or held > 16 << 20:
        return f"{len(kept)} sockets of {held >> 10} KiB"
    raise Contained(f"{len(kept)} sockets of {held >> 10} KiB")

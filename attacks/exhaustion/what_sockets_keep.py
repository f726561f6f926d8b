"""Fill the kernel by what sockets keep
tries: headers for each packet, errors and times of packets sent: up to 208 KiB for each socket, which no limit counts
expect: EPERM
"""
from attack import *

SOL_IPV6, PKTOPTIONS, RECVERR, TIMESTAMPING = 41, 6, 11, 37


def headers():
    kept = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(20)]
    for s in kept:
        s.setsockopt(SOL_IPV6, PKTOPTIONS, struct.pack("=Qii", 16000, 250, 1) + bytes(16000 - 16))
    return len(kept) * 16000


def told(option):
    """Packets that nobody takes, and what their sender is told of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(*option)
        s.connect(("127.0.0.1", 9))
        n = 0
        for _ in range(600):
            try:
                s.send(b"x")
            except ConnectionRefusedError:
                pass
        try:
            while s.recvmsg(16, 1024, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT):
                n += 1
        except BlockingIOError:
            return n


def attack():
    if n := told((socket.IPPROTO_IP, RECVERR, 1)):
        return f"{n} errors are kept"
    found = [outcome(headers), outcome(lambda: told((socket.SOL_SOCKET, TIMESTAMPING, 1 << 1 | 1 << 11)))]
    if set(found) != {"EPERM"}:
        return f"headers: {found[0]}, times: {found[1]}"
    raise PermissionError(errno.EPERM, "none is kept")

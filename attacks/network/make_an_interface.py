"""Make a network interface
tries: RTM_NEWLINK of kind dummy by netlink
expect: EPERM
"""
from attack import *


def attack():
    kind = struct.pack("HH", 4 + 6, 1) + b"dummy\0" + b"\0\0"
    info = struct.pack("HH", 4 + len(kind), 18) + kind
    body = struct.pack("BxHiII", 0, 0, 0, 0, 0) + info
    with socket.socket(16, socket.SOCK_RAW, 0) as s:
        s.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
        code = -struct.unpack("i", s.recv(4096)[16:20])[0]
    if code:
        raise OSError(code, os.strerror(code))

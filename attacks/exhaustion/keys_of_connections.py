"""Fill the kernel with keys of connections
tries: setsockopt(TCP_MD5SIG), whose keys no limit on memory counts
expect: EPERM
"""
from attack import *


def attack():
    key = struct.pack("=HH4s120xBBHi80s", socket.AF_INET, 0, socket.inet_aton("127.0.0.1"), 0, 0, 16, 0, b"k" * 16)
    with socket.socket() as s:
        return past("ENOPROTOOPT", SYS["setsockopt"], s.fileno(), socket.IPPROTO_TCP, 14, key, len(key))  # where Linux has none

"""Join groups until the host's lock is held
tries: setsockopt(IP_ADD_MEMBERSHIP)
expect: EPERM
"""
from attack import *


def attack():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return past("ENODEV", SYS["setsockopt"], s.fileno(), 0, 35, socket.inet_aton("224.1.1.1") + socket.inet_aton("127.0.0.1"), 8)

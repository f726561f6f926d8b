"""Add a route
tries: ioctl(SIOCADDRT) for a network that is nobody's, to lo
expect: EPERM
"""
from attack import *


def attack():
    import fcntl

    def address(text):
        return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))

    lo = ctypes.create_string_buffer(b"lo")
    route = struct.pack("8x16s16s16sHhxxxx8x8xhxxxxxxQ8x8xHxxxxxx", address("203.0.113.0"), address("0.0.0.0"), address("255.255.255.0"),
                        1, 0, 0, ctypes.addressof(lo), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x890B, route)
        fcntl.ioctl(s, 0x890C, route)  # and takes it back

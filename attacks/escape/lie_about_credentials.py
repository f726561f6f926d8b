"""Say that one is somebody else
tries: SCM_CREDENTIALS with the pid of init over a Unix socket
expect: EPERM EINVAL
"""
from attack import *


def attack():
    one, other = socket.socketpair()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, 2, struct.pack("3i", 1, 0, 0))])
    return "a message in the name of init, as root"

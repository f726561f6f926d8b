"""Find another interface
tries: all that getifaddrs and /proc/net/dev name
expect: refused: only lo
"""
from attack import *


def attack():
    names = {name for _, name in socket.if_nameindex()} | set(re.findall(r"^\s*(\S+):", read("/proc/net/dev").decode(), re.M))
    if names - {"lo"}:
        return str(sorted(names))
    raise Contained("only lo")

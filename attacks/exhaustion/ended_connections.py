"""Fill the kernel with connections that have ended
tries: 3,000 connections to itself, which Linux remembers for a minute each and no limit counts
expect: refused: few are remembered
"""
from attack import *

TIME_WAIT = "06"


def attack():
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(3000):
            with socket.create_connection(server.getsockname()):
                server.accept()[0].close()
    with open("/proc/net/tcp") as table:
        kept = sum(line.split()[3] == TIME_WAIT for line in table)
    if kept > 1500:
        return f"{kept} remembered"
    raise Contained(f"{kept} remembered")

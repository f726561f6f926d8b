"""Fill the kernel with connections that nobody accepts
tries: 100 listeners, and 200 connections to each, ended by who made them; no limit on memory counts what waits
expect: ENOBUFS
"""
from attack import *


def attack():
    made, listeners = 0, []
    try:
        for _ in range(100):
            listeners.append(socket.create_server(("127.0.0.1", 0), backlog=4096))
            for _ in range(200):
                with socket.socket() as s:
                    s.setblocking(False)
                    s.connect_ex(listeners[-1].getsockname())
                    if not select.select([], [s], [], 0.02)[1]:
                        break
                    made += 1
    finally:
        for s in listeners:
            s.close()
    return f"{made} wait"

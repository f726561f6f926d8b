"""Start more threads than a session may
tries: 400 threads
expect: refused: not so many
session: own
"""
from attack import *


def attack():
    import threading
    threading.stack_size(65536)
    stop = threading.Event()
    made = 0
    try:
        for _ in range(400):
            threading.Thread(target=stop.wait, daemon=True).start()
            made += 1
    except RuntimeError:
        raise Contained(f"{made} threads, then no more") from None
    finally:
        stop.set()

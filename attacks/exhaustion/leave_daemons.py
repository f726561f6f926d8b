"""Leave daemons behind
tries: children in sessions of their own that ignore every signal and take every processor
expect: refused: they end with the session
session: own
where: kernel
bomb: yes
proof: after
"""
from attack import *


def attack():
    for _ in range(8):
        if os.fork() == 0:
            os.setsid()
            for number in range(1, 32):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except OSError:
                    pass
            while True:
                pass
    raise Contained("left; what matters is what comes after")

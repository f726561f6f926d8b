"""Go deeper than a walker goes
tries: 2,000 folders in each other, which the file agent has to walk
expect: refused: the session and the server answer
session: own
where: kernel
bomb: yes
proof: after
"""
from attack import *


def attack():
    at = os.getcwd()
    try:
        for _ in range(2000):
            os.mkdir("d" * 50)
            os.chdir("d" * 50)
    except OSError:
        pass
    finally:
        os.chdir(at)
    raise Contained("made; what matters is what comes after")

"""Leave something in the bounding set
tries: prctl(PR_CAPBSET_READ): what is there, a program with file capabilities could give
expect: refused: the set is empty
"""
from attack import *


def attack():
    left = [n for n in range(41) if libc.prctl(23, n, 0, 0, 0) == 1]
    if left:
        return f"{len(left)} capabilities are in the bounding set"
    raise Contained("the set is empty")

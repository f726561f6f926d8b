"""Make more processes than a session may
tries: 2,000 forks
expect: EAGAIN
session: own
"""
from attack import *


def attack():
    made = []
    try:
        for _ in range(2000):
            made.append(child())
    finally:
        for pid in made:
            end(pid)

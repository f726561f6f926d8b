"""Make more processes than a session may
tries: 400 forks
expect: EAGAIN
session: own
"""
from attack import *


def attack():
    made = []
    try:
        for _ in range(400):
            made.append(child())
    finally:
        for pid in made:
            end(pid)

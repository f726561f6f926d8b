"""Become root
tries: setresuid(0, 0, 0)
expect: EPERM
"""
from attack import *


def attack():
    os.setresuid(0, 0, 0)

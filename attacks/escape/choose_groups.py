"""Choose one's groups
tries: setgroups([0])
expect: EPERM
"""
from attack import *


def attack():
    os.setgroups([0])

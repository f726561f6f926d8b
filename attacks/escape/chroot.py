"""Change the root by chroot
tries: chroot("/"), half of the oldest way out of one
expect: EPERM
"""
from attack import *


def attack():
    os.chroot("/")

"""Look into the file system of init
tries: /proc/1/root and /proc/1/cwd
expect: EACCES EPERM
"""
from attack import *


def attack():
    os.listdir("/proc/1/cwd/")
    return os.listdir("/proc/1/root/")

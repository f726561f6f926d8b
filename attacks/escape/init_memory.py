"""Open the memory of init
tries: /proc/1/mem for reading
expect: EACCES EPERM
"""
from attack import *


def attack():
    os.close(os.open("/proc/1/mem", os.O_RDONLY))

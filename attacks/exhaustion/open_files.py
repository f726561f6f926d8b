"""Open more files than a session may
tries: 8,000 descriptors
expect: EMFILE
"""
from attack import *


def attack():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for _ in range(8_000):
        os.open("/dev/null", os.O_RDONLY)

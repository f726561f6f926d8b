"""Open more files than a session may
tries: 100,000 descriptors
expect: EMFILE
"""
from attack import *


def attack():
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100_000, 1 << 20))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for _ in range(50_000):
        os.open("/dev/null", os.O_RDONLY)

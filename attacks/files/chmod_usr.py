"""Change the modes of the system
tries: chmod and chown on a file below /usr
expect: EROFS EPERM EACCES
"""
from attack import *


def attack():
    os.chmod("/usr/lib/os-release", os.stat("/usr/lib/os-release").st_mode & 0o777)

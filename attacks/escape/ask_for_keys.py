"""Ask for a key
tries: request_key and keyctl(KEYCTL_GET_KEYRING_ID)
expect: EPERM
"""
from attack import *


def attack():
    try:
        past("ENOKEY EFAULT ENOSYS", SYS["request_key"], b"user", b"cloche", 0, 0)
    finally:
        said = past("ENOKEY EINVAL ENOSYS", SYS["keyctl"], 9999, 0, 0, 0, 0)
    return said

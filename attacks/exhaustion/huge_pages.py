"""Take the pool of huge pages
tries: mmap(MAP_HUGETLB) and memfd_create(MFD_HUGETLB)
expect: EPERM
"""
from attack import *


def attack():
    try:
        past("ENOMEM ENODEV EINVAL", SYS["mmap"], 0, 1 << 21, 3, 0x40022, -1, 0)
    finally:
        said = past("ENOMEM ENODEV EINVAL ENOSYS", SYS["memfd_create"], b"x", 4)
    return said

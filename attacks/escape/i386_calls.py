"""Call Linux by its 32-bit table
tries: getpid by int 0x80: the filters are about 64-bit numbers
expect: refused: ENOSYS
"""
from attack import *


def attack():
    import mmap
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    if answer == os.getpid():
        return "the whole 32-bit table is open"
    raise Contained(errno.errorcode.get(-answer, str(answer)))

"""Find the server's keys in memory
tries: a known secret of the server in all memory of the interpreter that can be read, the block above its stack included
expect: refused: nowhere
needs: local
"""
from attack import *


def attack():
    first, second = (part.encode() for part in HINTS["secret"])  # whole, it would be found where it is looked for
    regions = []
    try:
        for line in read("/proc/self/maps", 1 << 22).decode().splitlines():
            begin, until = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and until - begin < 64 << 20:
                regions.append((begin, until - begin))
    except OSError:  # one's own is closed to a kernel: what its environment was made of lies above its stack
        block = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")
        if block and block[0]:
            regions.append((block[0], 256))
    for begin, size in regions:
        memory = ctypes.string_at(begin, size)
        at = memory.find(first)
        while at >= 0:
            if memory[at + len(first):at + len(first) + len(second)] == second:
                return "it is there"
            at = memory.find(first, at + 1)
    raise Contained(f"nowhere in {sum(size for _, size in regions) >> 10} KiB")

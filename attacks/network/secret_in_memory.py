"""Find the server's keys in memory
tries: a known secret of the server in all memory of the interpreter that can be read, and where the system laid its first environment, above the stack
expect: refused: nowhere
needs: local
"""
from attack import *

PAGE = 4096


def page_at(address):
    """One page's bytes up to its end, or nothing: the kernel looks whether it is there."""
    size = PAGE - address % PAGE
    reader, writer = os.pipe()
    try:
        call(1, writer, address, size)  # write(2) itself: a library's may have opinions on what lies there
        return os.read(reader, size)
    except OSError:  # EFAULT: nothing lies there
        return b""
    finally:
        os.close(reader)
        os.close(writer)


def regions():
    name = ctypes.c_void_p.in_dll(libc, "program_invocation_name").value  # argv[0]: the environment follows it
    memory, at = b"", name or 0
    while at and len(memory) < 1 << 20 and (piece := page_at(at)):
        memory += piece
        at += len(piece)
    yield memory
    try:
        maps = read("/proc/self/maps", 1 << 22).decode()
    except OSError:
        return  # a kernel's own is closed to it
    for line in maps.splitlines():
        begin, until = (int(word, 16) for word in line.split()[0].split("-"))
        if line.split()[1].startswith("rw") and until - begin < 64 << 20:
            yield b"".join(page_at(at) for at in range(begin, until, PAGE))


def attack():
    first, second = (part.encode() for part in HINTS["secret"])  # whole, it would be found where it is looked for
    looked = 0
    for memory in regions():
        looked += len(memory)
        for found in re.finditer(re.escape(first), memory):
            if memory[found.end():found.end() + len(second)] == second:
                return "it is there"
    raise Contained(f"nowhere in {looked >> 10} KiB")

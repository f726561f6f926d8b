"""A process that was taken over: a test makes it call Linux with words of the test's choice, as whoever has found a way
into it would. So its walls are met where they stand, in the process that runs. Takes root.

    with Taken(pid) as process:
        process.call(SYS_OPENAT, -100, b"/etc/passwd", os.O_RDONLY, 0)  # what it returned, an error as -errno
"""
import ctypes
import os
import signal
import struct

GETREGS, SETREGS, SINGLESTEP, DETACH, SEIZE, INTERRUPT = 12, 13, 9, 17, 0x4206, 0x4207
WALL = 0x40000000  # waits for threads, too
REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip",
             "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs")
LAYOUT = struct.Struct(f"<{len(REGISTERS)}Q")
BELOW = 4096  # below the stack's end and its red zone: where the words' text is put
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid, address=0, data=0):
    ctypes.set_errno(0)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_int(pid), ctypes.c_void_p(address),
                   data if isinstance(data, ctypes.Array) else ctypes.c_void_p(data)) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {pid}")


class Taken:
    """One thread of a process, its first, held between two steps; its other threads run on."""

    def __init__(self, pid):
        self.pid, self.buffer = pid, ctypes.create_string_buffer(LAYOUT.size)
        ptrace(SEIZE, pid)
        try:
            ptrace(INTERRUPT, pid)
            self._wait()
            ptrace(GETREGS, pid, 0, self.buffer)
            self.before = self.buffer.raw
            self.memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
            self.instruction = self._instruction()
        except BaseException:
            ptrace(DETACH, pid)
            raise

    def _wait(self):
        _, status = os.waitpid(self.pid, WALL)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP, hex(status)

    def _instruction(self):
        """Where the bytes of `syscall` are: in the code that Linux maps into every process."""
        with open(f"/proc/{self.pid}/maps") as maps:
            begin, end = next(line.split()[0].split("-") for line in maps if line.rstrip().endswith("[vdso]"))
        self.memory.seek(int(begin, 16))
        at = self.memory.read(int(end, 16) - int(begin, 16)).find(b"\x0f\x05")
        assert at >= 0
        return int(begin, 16) + at

    def call(self, number, *words):
        found = dict(zip(REGISTERS, LAYOUT.unpack(self.before)))
        place = found["rsp"] - BELOW & ~15
        for name, word in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), words):
            if isinstance(word, bytes):
                self.memory.seek(place)
                self.memory.write(word + b"\0")
                word, place = place, place + len(word) + 16 & ~15
            found[name] = word & (1 << 64) - 1
        found |= {"rip": self.instruction, "rax": number, "orig_rax": (1 << 64) - 1}  # no call is gone on with
        self._set(LAYOUT.pack(*found.values()))
        ptrace(SINGLESTEP, self.pid)
        self._wait()
        ptrace(GETREGS, self.pid, 0, self.buffer)
        rax = LAYOUT.unpack(self.buffer.raw)[REGISTERS.index("rax")]
        return rax - (1 << 64) if rax >> 63 else rax

    def _set(self, registers):
        ctypes.memmove(self.buffer, registers, LAYOUT.size)
        ptrace(SETREGS, self.pid, 0, self.buffer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """As it was; a call that was waited in is gone on with."""
        self._set(self.before)
        ptrace(DETACH, self.pid)
        self.memory.close()

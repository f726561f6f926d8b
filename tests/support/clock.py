"""The server's clock, moved by hand: src/base/clock.c keeps one offset for all that it answers, and a
test writes it from outside. So a day passes at once, and the program holds no door for it."""
import functools
import struct
import subprocess
from pathlib import Path


@functools.cache
def _offset(program):
    """Where the variable lies, from the program's beginning."""
    for line in subprocess.check_output(["nm", program], text=True).splitlines():
        address, _, name = line.rpartition(" ")
        if name == "offset_us":
            return int(address.split()[0], 16)
    raise AssertionError(f"{program} has no symbols: tests need them")


def advance(server, seconds):
    """From now on the server process's clocks are that much later. Only for a server of the test's own."""
    pid = server.server_process().pid
    base = next(int(line.split("-")[0], 16) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
                if line.endswith("/cloche") or line.endswith("/cloche (deleted)"))
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(base + _offset(str(server.cloche)))
        before, = struct.unpack("<q", memory.read(8))
        memory.seek(-8, 1)
        memory.write(struct.pack("<q", before + seconds * 1_000_000))

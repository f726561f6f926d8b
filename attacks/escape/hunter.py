"""Hunt what is born
tries: a daemon left behind waits for a process of its uid that may be dumped (the next kernel while it enters, init's child that writes an upload) and opens its memory
expect: refused: none was ever open
stir: 6
"""
from attack import *


HITS = "/mnt/data/.hits" if os.path.isdir("/mnt/data") else "/tmp/hits"


def hunt():
    known = {1, os.getpid(), os.getppid()}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in known:
                continue
            for what in ("mem", "environ", "maps"):
                try:
                    fd = os.open(f"/proc/{name}/{what}", os.O_RDWR if what == "mem" else os.O_RDONLY)
                except OSError:
                    continue
                program = read(f"/proc/{name}/comm").decode().strip()
                seen = b"x" if what == "mem" else os.read(fd, 1)
                os.close(fd)
                if seen:
                    with open(HITS, "a") as hits:
                        hits.write(f"{what} of {program}\n")
                    known.add(int(name))


def lay():
    open(HITS, "w").close()
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            hunt()
    return None


def attack():
    found = read(HITS).decode().splitlines()
    if found:
        return f"{len(found)} were open: {found[0]}"
    raise Contained("nothing was ever open")

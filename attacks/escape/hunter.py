"""Hunt what is born
tries: daemons left behind wait for a process of their uid that may be dumped (the next kernel while it enters, init's child that writes an upload) and open its memory
expect: refused: none was ever open
stir: 8
"""
from attack import *

FOLDER = "/mnt/data" if os.path.isdir("/mnt/data") else "/tmp"
HITS, HUNTERS, LOOKS = f"{FOLDER}/.hits", f"{FOLDER}/.hunters", f"{FOLDER}/.looks"


def look_at(pid):
    """What of a process can be opened and says something."""
    for what in ("mem", "environ", "maps"):
        fd = os.open(f"/proc/{pid}/{what}", os.O_RDONLY)
        try:
            if what == "mem" or os.read(fd, 1):  # of one that is no more there is nothing to read
                return f"{what} of {read(f'/proc/{pid}/comm').decode().strip()}"
        finally:
            os.close(fd)


def hunt():
    known = {1, os.getpid(), os.getppid()}
    counter = os.open(LOOKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        os.write(counter, b".")
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in known:
                continue
            try:
                found = look_at(name)
            except OSError:
                continue
            if found:
                known.add(int(name))
                with open(HITS, "a") as hits:
                    hits.write(found + "\n")


def lay():
    open(HITS, "w").close()
    with open(HUNTERS, "w") as file:
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                os.setsid()
                hunt()
            file.write(f"{pid}\n")


def attack():
    found = read(HITS).decode().splitlines()
    if found:
        return f"{len(found)} were open: {found[0]}"
    looks = os.stat(LOOKS).st_size
    if looks < 20:
        raise RuntimeError(f"the hunters looked {looks} times only")
    raise Contained(f"nothing was ever open in {looks} looks")

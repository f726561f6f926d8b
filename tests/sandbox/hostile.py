"""A hostile package: what it tries from where it runs, in a zygote. To be read behind attacks/attack.py, with KNOWN (what
is out there) before it; the same text runs unprotected, where all of it must succeed.

What came of it is in TRIED, {what: "ok" or an error's name}. It stays in every session of its environment, and listens."""
import builtins
import tempfile

MS_BIND = 4096
HEARD = []


def written(path):
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def made(folder):
    path = f"{folder}/left-by-a-warm-up"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.unlink(path)


def mounted():
    call(SYS["mount"], b"none", tempfile.mkdtemp().encode(), b"tmpfs", 0, None)


def bound():
    call(SYS["mount"], b"/", tempfile.mkdtemp().encode(), None, MS_BIND, None)


def listed():
    """In the /tmp that all zygotes of its environment share."""
    os.setxattr(tempfile.mkdtemp(), "system.posix_acl_default", struct.pack(
        "<IHHIHHIHHI", 2, 1, 7, 0xFFFFFFFF, 4, 7, 0xFFFFFFFF, 32, 7, 0xFFFFFFFF))


def as_itself():
    """With the rights that a zygote has."""
    return {
        "read a file of the host": lambda: read(KNOWN["file"]),
        "write a file of the host": lambda: written(KNOWN["file"]),
        "make a file in a folder of the host": lambda: made(KNOWN["folder"]),
        "make a file in /usr": lambda: made("/usr"),
        "make a file in /etc": lambda: made("/etc"),
        "make a file in the tree of its environment": lambda: made(sys.prefix),
        "connect to a port of the host": lambda: reached(socket.AF_INET, ("127.0.0.1", KNOWN["port"])),
        "connect to a socket of the host": lambda: reached(socket.AF_UNIX, "\0" + KNOWN["socket"]),
        "mount a tmpfs": mounted,
        "bind the root": bound,
        "open a file system": lambda: call(SYS["fsopen"], b"tmpfs", 0),
        "change its root": lambda: os.chroot("/"),
        "a mount namespace": lambda: call(SYS["unshare"], CLONE_NEWNS),
        "a user namespace by unshare": lambda: call(SYS["unshare"], CLONE_NEWUSER),
        "root of everything": lambda: os.setresuid(0, 0, 0),
        "another's id": lambda: os.setresuid(1000, 1000, 1000),
        "an access control list": listed,
        "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
        "a device": lambda: os.mknod(tempfile.mkdtemp() + "/null", 0o20666, os.makedev(1, 3)),
    }


def as_root_of_its_own():
    """Root of a user namespace that clone3 made: a right that a zygote keeps."""
    return {
        "read a file of the host": lambda: read(KNOWN["file"]),
        "write a file of the host": lambda: written(KNOWN["file"]),
        "make a file in a folder of the host": lambda: made(KNOWN["folder"]),
        "connect to a port of the host": lambda: reached(socket.AF_INET, ("127.0.0.1", KNOWN["port"])),
        "mount a tmpfs": mounted,
        "open a file system": lambda: call(SYS["fsopen"], b"tmpfs", 0),
        "change its root": lambda: os.chroot("/"),
    }


def cloned(work):
    """Runs work() as root of a new user and mount namespace, and returns what it returned."""
    hold, go = os.pipe()
    reader, writer = os.pipe()
    me, group = os.geteuid(), os.getegid()
    pid = call(SYS["clone3"], (ctypes.c_uint64 * 11)(CLONE_NEWUSER | CLONE_NEWNS, 0, 0, 0, signal.SIGCHLD), 88)
    if pid == 0:
        try:
            os.read(hold, 1)
            found = work()
        except BaseException as e:
            found = {"itself": f"{type(e).__name__}: {e}"}
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {me} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(text)
    os.write(go, b"x")
    found = json.loads(os.read(reader, 1 << 16))
    end(pid)
    for fd in (hold, go, reader, writer):
        os.close(fd)
    return found


def all_of(ways):
    return {name: outcome(way) for name, way in ways.items()}


def tried():
    found = all_of(as_itself())
    try:
        found |= {f"as root of its own: {what}": said for what, said in cloned(lambda: all_of(as_root_of_its_own())).items()}
    except OSError as e:
        found["as root of its own"] = errno.errorcode[e.errno]
    for name, pid in KNOWN["pids"].items():
        pid = pid or os.getppid()
        if pid != os.getppid() and KNOWN["inside"] and os.path.exists(f"/proc/{pid}"):
            found[name] = "the number is one of its ground's"
            continue
        found |= {f"{name}: {way}": said for way, said in every_way(pid).items()}
    return found


def listens():
    """Python tells what is compiled, in every fork of this; and what prints may lie."""
    sys.addaudithook(lambda event, words: HEARD.append(str(words[0])) if event == "compile" and words[0] else None)
    say_it = builtins.print
    builtins.print = lambda *words, **more: say_it("forged:", *words, **more)


TRIED = tried()
if KNOWN["inside"]:
    sys.modules["hostile"] = types.SimpleNamespace(TRIED=TRIED, HEARD=HEARD)
    listens()
else:
    print(json.dumps(TRIED))

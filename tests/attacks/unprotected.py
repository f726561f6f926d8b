"""Runs attacks as root without Cloche's layers, in namespaces that are thrown away: each has to succeed.

python3 unprotected.py ATTACKS NAME…: one line of JSON, {name: {"verdict", "seen"}}. To be started below
`unshare --mount --pid --fork --mount-proc --uts --ipc --cgroup --net`: pid 1 of that is this program, which
stands for init. Every address there is leads back to this machine and is answered, so that nothing leaves it;
what is written below /usr and /etc lies in memory.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEAKED = os.open("/", os.O_RDONLY)  # what careless programs leave open
libc = ctypes.CDLL(None, use_errno=True)
SECRET = ["first", "second"]
NAME = "c2VjcmV0.example.com"


def mount(source, at, kind, flags=0, options=""):
    if libc.mount(source.encode(), at.encode(), kind.encode(), flags, options.encode()) < 0:
        raise OSError(ctypes.get_errno(), f"mounting {at}")


def files():
    """Memory where attacks write; a copy of the tree where the kernel can layer one."""
    mount("tmpfs", "/tmp", "tmpfs")
    os.chmod("/tmp", 0o1777)
    mount("tmpfs", "/dev/shm", "tmpfs")
    for top in ("usr", "etc"):
        for part in ("upper", "work"):
            os.makedirs(f"/tmp/.layers/{top}/{part}")
        try:
            mount("overlay", f"/{top}", "overlay", 0, f"lowerdir=/{top},upperdir=/tmp/.layers/{top}/upper,workdir=/tmp/.layers/{top}/work")
        except OSError:
            pass  # every attack takes back what it did
    hosts = Path("/tmp/.layers/hosts")
    hosts.write_text(f"127.0.0.1 localhost {NAME}\n")
    mount(str(hosts), "/etc/hosts", "", 4096)


def answering(kind, family, port):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", port))
    if kind == socket.SOCK_STREAM:
        s.listen(64)
        return s

    def answer():
        while True:
            _, peer = s.recvfrom(512)
            s.sendto(b"x", peer)
    threading.Thread(target=answer, daemon=True).start()
    return s


def network():
    """Every address is local; another interface with a default route for what is shouted."""
    for line in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo", "link add other type veth peer name peer",
                 "address add 10.9.9.9/24 dev other", "link set peer up", "link set other up", "route add default dev other"):
        subprocess.run(["ip", *line.split()], check=True, capture_output=True)
    return [answering(socket.SOCK_STREAM, family, port) for family in (socket.AF_INET, socket.AF_INET6) for port in (53, 80, 443)] + [
        answering(socket.SOCK_DGRAM, socket.AF_INET, 53)]


def hints(kept, folder):
    listener, abstract, named = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    abstract.bind("\0cloche-unprotected")
    named.bind(f"{folder}/service")
    for s in (abstract, named):
        s.listen()
    kept += [listener, abstract, named]
    Path(folder, ".netrc").write_text("machine x login y password z\n")
    secret = Path(folder, "secret.txt")
    secret.write_text("secret")
    # one process for each name: the attacks run beside one another, and only one may trace a process at a time
    targets = {name: subprocess.Popen(["sleep", "1000"])
               for name in ("zygote", "warden", "supervisor", "server", "sibling_init", "sibling_kernel")}
    kept += targets.values()
    return {"file": str(secret), "socket": "cloche-unprotected", "port": listener.getsockname()[1], "name": NAME, "home": folder,
            "server_port": listener.getsockname()[1], "unix": f"{folder}/service", "secret": SECRET,
            "pids": {name: target.pid for name, target in targets.items()}}


class Victim:
    """A process that did the first part and lives on."""

    def __init__(self, library, source, known, function):
        code = f"{library}\nbefore({source!r}, {known!r}, {function!r})\nimport signal\nsignal.pause()"
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.value = json.loads(self.process.stdout.readline().removeprefix("VERDICT "))["value"]

    def end(self):
        self.process.kill()
        self.process.wait()


def run(library, source, known, value=()):
    arguments = "".join(f", {v!r}" for v in value)
    code = f"{library}\nrun({source!r}, {known!r}{arguments}, seconds=40)"
    try:
        done = subprocess.run(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, text=True, timeout=50, pass_fds=[LEAKED],
                              env={**os.environ, "CLOCHE_ATTACK_SECRET": "".join(SECRET)})
    except subprocess.TimeoutExpired:
        return {"verdict": "broken", "seen": "no end"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("VERDICT ")]
    return json.loads(lines[-1].removeprefix("VERDICT ")) if lines else {"verdict": "broken", "seen": f"ended with {done.returncode}"}


def hunted(library, source, known):
    """The hunter needs something to be born: programs of its uid, until one was caught."""
    victim = Victim(library, source, known, "lay")
    try:
        for _ in range(50):
            subprocess.run(["sleep", "0.1"])
            found = run(library, source, known)
            if found["verdict"] == "succeeded":
                break
    finally:
        for pid in Path("/tmp/.hunters").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        victim.end()
    return found


def one(source, library, known):
    if "\ndef lay(" in source:
        return hunted(library, source, known)
    if "\ndef victim(" not in source:
        return run(library, source, known)
    victim = Victim(library, source, known, "victim")
    try:
        return run(library, source, known, [victim.value])
    finally:
        victim.end()


def main(folder, names, isolated):
    kept = []
    library = Path(folder, "attack.py").read_text()
    sources = [Path(folder, name + ".py").read_text() for name in names]  # before /tmp, where they may lie, is covered
    if isolated:
        files()
        kept += network()
    place = tempfile.TemporaryDirectory()
    known = hints(kept, place.name)

    def timed(name, source):
        began = time.monotonic()
        said = one(source, library, known)
        return said | {"seconds": round(time.monotonic() - began, 1)}

    # attacks that only wait or spin run beside others; none changes what another looks at
    with ThreadPoolExecutor(6) as pool:
        verdicts = dict(zip(names, pool.map(timed, names, sources)))
    for thing in kept:
        if isinstance(thing, subprocess.Popen):
            thing.kill()
    place.cleanup()
    print(json.dumps(verdicts), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--host":
        main(sys.argv[2], sys.argv[3:], isolated=False)
    else:
        main(sys.argv[1], sys.argv[2:], isolated=True)
    os._exit(0)

"""The server's side of the wire to supervisor, warden, init and kernel, for tests: fixed-layout
messages over SEQPACKET sockets, frames over pipes. What the C server does, in a form that a test can
bend: it may send what no server would."""
import array
import ctypes
import json
import os
import select
import socket
import struct
import time

HEAD = struct.Struct("<HHIiI8Q")
OPS = dict(
    SUP_READY=1, SUP_GROUND=2, SUP_GROUND_END=3, SUP_PIPES=4, SUP_PIPES_END=5, SUP_FOLDER=6, SUP_BUILD=7,
    SUP_LISTENER=16, SUP_INHERITED_GROUND=17, SUP_INHERITED_PIPES=18, SUP_START=19, SUP_MEMORY=20,
    WARDEN_HELLO=32, WARDEN_SANDBOX_IS=33, WARDEN_ZYGOTE=34, WARDEN_SANDBOX=35, WARDEN_KERNEL=36,
    WARDEN_RECYCLE=37, WARDEN_END=38, WARDEN_ZYGOTE_END=39, WARDEN_GIVE_WAY=40, WARDEN_MEMORY=41,
    WARDEN_KERNEL_DIED=48, WARDEN_SANDBOX_DIED=49, WARDEN_ZYGOTE_DIED=50,
    INIT_SIGNAL=80, INIT_KILL=81, INIT_OPEN=82, INIT_WRITE=83, INIT_UNLINK=84, INIT_SCAN=85, INIT_SCAN_PART=86,
)
globals().update(OPS)
NAMES = {number: name for name, number in OPS.items()}
PLAIN, FULL = 0, 1
SIGINT = 2
# How many times longer than usual to wait: an emulated machine is slow.
PATIENCE = float(os.environ.get("CLOCHE_TEST_PATIENCE", "1"))
# What the supervisor lends here, and with it what an ordinary user loses: limits (cgroups take root),
# and with one id for everything a uid for each sandbox and the right to drop one's groups.
IDS = "range" if os.geteuid() == 0 else "one" if os.environ.get("CLOCHE_SINGLE_UID") else "subuid"
LIMITS = os.geteuid() == 0


def close_all(fds):
    """And empties the list, so that nobody closes them once more."""
    while fds:
        os.close(fds.pop())


class Message:
    def __init__(self, op, serial=0, status=0, sandbox=0, words=(), text=b"", fds=()):
        self.op, self.serial, self.status, self.sandbox = op, serial, status, sandbox
        self.words = list(words) + [0] * (8 - len(words))
        self.text = text if isinstance(text, bytes) else text.encode()
        self.fds = list(fds)

    def __repr__(self):
        return f"<{NAMES.get(self.op, self.op)} #{self.serial} status={self.status} sandbox={self.sandbox} {self.words} {self.text!r} fds={self.fds}>"


class Link:
    """One SEQPACKET socket. call() waits for the answer with its serial; events are kept aside."""

    def __init__(self, sock):
        self.sock, self.serial, self.events = sock, 0, []

    def send(self, m):
        data = HEAD.pack(m.op, len(m.text), m.serial, m.status, m.sandbox, *m.words) + m.text
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", m.fds))] if m.fds else []
        self.sock.sendmsg([data], extra)

    def receive(self, timeout=10):
        self.sock.settimeout(timeout * PATIENCE)
        data, extra, _, _ = self.sock.recvmsg(8192, socket.CMSG_SPACE(4 * 32))
        if not data:
            raise EOFError
        fds = array.array("i")
        for level, kind, payload in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[: len(payload) - len(payload) % 4])
        op, length, serial, status, sandbox, *words = HEAD.unpack_from(data)
        return Message(op, serial, status, sandbox, words, data[HEAD.size:HEAD.size + length], fds)

    def call(self, op, *, timeout=20, **kw):
        self.serial += 1
        self.send(Message(op, self.serial, **kw))
        return self.wait(op, self.serial, timeout)

    def wait(self, op, serial, timeout=20):
        end = time.monotonic() + timeout * PATIENCE
        while True:
            m = self.receive(max(0.01, end - time.monotonic()) / PATIENCE)
            if m.serial == serial and m.op == op:
                return m
            self.events.append(m)

    def event(self, op, timeout=10):
        end = time.monotonic() + timeout * PATIENCE
        while True:
            for m in self.events:
                if m.op == op:
                    self.events.remove(m)
                    return m
            self.events.append(self.receive(max(0.01, end - time.monotonic()) / PATIENCE))


class Kernel:
    """The server's four ends of one kernel's pipes."""

    def __init__(self, fds):
        self.fds = fds
        self.inp, self.out, self.stdout, self.stderr = fds
        self.text = {1: b"", 2: b""}
        self.count = 0

    def close(self):
        close_all(self.fds)

    def send(self, head, *buffers):
        head = json.dumps(head, separators=(",", ":")).encode()
        data = struct.pack(f"<II{len(buffers)}I", len(head), len(buffers), *map(len, buffers)) + head + b"".join(buffers)
        while data:
            data = data[os.write(self.inp, data):]

    def _exactly(self, n, end):
        data = b""
        while len(data) < n:
            ready, _, _ = select.select([self.out, self.stdout, self.stderr], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            if self.stdout in ready or self.stderr in ready:
                self.drain()
            if self.out in ready:
                more = os.read(self.out, n - len(data))
                if not more:
                    raise EOFError
                data += more
        return data

    def drain(self):
        for stream, fd in ((1, self.stdout), (2, self.stderr)):
            while select.select([fd], [], [], 0)[0]:
                data = os.read(fd, 65536)
                if not data:
                    break
                self.text[stream] += data

    def receive(self, timeout=20):
        end = time.monotonic() + timeout * PATIENCE
        length, count = struct.unpack("<II", self._exactly(8, end))
        sizes = struct.unpack(f"<{count}I", self._exactly(4 * count, end))
        head = json.loads(self._exactly(length, end))
        return head, [self._exactly(n, end) for n in sizes]

    def execute(self, code, timeout=30, **more):
        """Runs to `done`; returns (done, frames, stdout, stderr)."""
        self.count += 1
        self.text = {1: b"", 2: b""}
        self.send({"type": "execute", "id": f"exec_{self.count}", "count": self.count, "mode": "cell", "argv": [], "env": {},
                   "ask": False, "stdin": False, **more}, code if isinstance(code, bytes) else code.encode())
        frames = []
        while True:
            head, buffers = self.receive(timeout)
            if head["type"] == "barrier":
                self.drain()
                self.send({"type": "ack"})
            elif head["type"] == "done":
                self.drain()
                return head, frames, self.text[1].decode(), self.text[2].decode()
            elif head["type"] != "ready":
                frames.append((head, buffers))


class Listener(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint64 * 16), ("length", ctypes.c_uint32), ("text", ctypes.c_char * 256)]


class Plan(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint32), ("size", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("listeners", ctypes.c_uint32),
                ("listener", Listener * 8),
                ("socket_mode", ctypes.c_uint32), ("stop_timeout_ms", ctypes.c_uint32),
                ("server_uid", ctypes.c_uint32), ("server_gid", ctypes.c_uint32),
                ("uid_first", ctypes.c_uint32), ("uid_count", ctypes.c_uint32), ("memory_bytes", ctypes.c_uint64),
                ("folder_device", ctypes.c_uint64), ("folder_inode", ctypes.c_uint64),
                ("keep_first", ctypes.c_uint32), ("keep_last", ctypes.c_uint32), ("n_args", ctypes.c_uint32),
                ("state_dir", ctypes.c_char * 1024), ("environments_dir", ctypes.c_char * 1024),
                ("server_path", ctypes.c_char * 1024), ("warden_path", ctypes.c_char * 1024), ("init_path", ctypes.c_char * 1024),
                ("library_path", ctypes.c_char * 1024), ("args", ctypes.c_char * 16384)]


class Supervisor:
    """A real supervisor whose "server" is this test: it is started with a relay program that passes
    its end of the link back here over a socket pair."""

    RELAY = ("import socket,array,os,signal;"
             "s=socket.socket(fileno={fd});"
             "s.sendmsg([b'x'],[(socket.SOL_SOCKET,socket.SCM_RIGHTS,array.array('i',[3]))]);"
             "os.close(3);"
             "signal.signal(signal.SIGTERM, lambda *a: os._exit(0));"
             "s.recv(1);os._exit(0)")

    def __init__(self, build, environments="/nonexistent", prefix=(), stderr=None, **more):
        """`prefix`: a program that runs it; its pid is then that program's. EOFError: it did not start."""
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        os.set_inheritable(fd, True)
        args = ["python3", "-c", self.RELAY.format(fd=fd)]
        plan = Plan(magic=0x31504C43, size=ctypes.sizeof(Plan), flags=1, stop_timeout_ms=1000, n_args=len(args),
                    keep_first=fd, keep_last=fd, environments_dir=os.fsencode(environments),
                    server_path=b"/usr/bin/python3", warden_path=os.fsencode(f"{build}/cloche-warden"),
                    init_path=os.fsencode(f"{build}/cloche-init"), library_path=os.fsencode(f"{build}/src/kernel"),
                    **more)
        joined = b"\0".join(a.encode() for a in args) + b"\0"
        ctypes.memmove(ctypes.addressof(plan) + Plan.args.offset, joined, len(joined))
        memfd = os.memfd_create("plan")
        os.write(memfd, bytes(plan))
        self.pid = os.fork()
        if self.pid == 0:
            try:
                high = os.dup(memfd)
                os.dup2(high, 3)
                os.set_inheritable(3, True)
                if stderr is not None:
                    os.dup2(stderr, 2)
                command = [*prefix, f"{build}/cloche-supervisor"]
                os.execv(command[0], command)
            finally:
                os._exit(127)  # a test run that went on here would fork at every test, and its children too
        theirs.close()
        os.close(memfd)
        self.ours.settimeout(30 * PATIENCE)
        _, extra, _, _ = self.ours.recvmsg(16, socket.CMSG_SPACE(4))
        if not extra:
            raise EOFError
        (fd,) = array.array("i", extra[0][2])
        self.link = Link(socket.socket(fileno=fd))
        self.lent = []  # what is ours of each set of pipes
        start = self.link.event(OPS["SUP_START"])
        for m in (start, *self.link.events):  # a state directory, listeners, counters: nobody looks at them here
            close_all(m.fds)
        self.link.send(Message(OPS["SUP_READY"]))

    def ground(self, name="base"):
        m = self.link.call(OPS["SUP_GROUND"], text=name, timeout=30)
        if m.status:
            raise OSError(-m.status, m.text.decode())
        for more in m.fds[1:]:
            os.close(more)
        return m.words[0], Link(socket.socket(fileno=m.fds[0]))

    def pipes(self):
        m = self.link.call(OPS["SUP_PIPES"], words=[1])
        self.lent.append(m.fds[:4])
        return m.words[0], self.lent[-1], m.fds[4:]

    def stop(self):
        try:
            self.ours.send(b"x")
        except OSError:
            pass
        self.ours.close()
        for fds in self.lent:
            close_all(fds)
        return os.waitpid(self.pid, 0)[1]


class Sandbox:
    def __init__(self, supervisor, warden, memory=1 << 30, scratch=512 << 20, inodes=100000, pids=128):
        self.supervisor, self.warden = supervisor, warden
        m = warden.call(OPS["WARDEN_SANDBOX"], words=[memory, scratch, inodes, pids, 0])
        if m.status:
            raise OSError(-m.status, m.text.decode())
        self.id, self.init = m.sandbox, Link(socket.socket(fileno=m.fds[0]))

    def kernel(self, slot=PLAIN):
        _, ours, theirs = self.supervisor.pipes()
        m = self.warden.call(OPS["WARDEN_KERNEL"], sandbox=self.id, words=[slot], fds=theirs)
        for fd in theirs:
            os.close(fd)
        if m.status:
            raise OSError(-m.status, m.text.decode())
        self.serial = m.words[0]
        return Kernel(ours)

    def end(self):
        self.init.sock.close()
        return self.warden.call(OPS["WARDEN_END"], sandbox=self.id)

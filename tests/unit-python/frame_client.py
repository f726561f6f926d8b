"""A small server's side of a kernel's four pipes: speaks real frames, keeps the order of outputs.

    with FrameClient.start("plain", home) as kernel:
        answer = kernel.execute("print(1)")
        answer.stdout, answer.result, answer.error, answer.outputs, answer.done

It can also be put over pipes that something else has made: FrameClient(fin, fout, out, err).
"""
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAYER = os.path.join(HERE, "..", "..", "src", "kernel", "python")


class Gone(Exception):
    """The kernel closed its end."""


class Answer:
    """Everything one execution sent."""

    def __init__(self):
        self.outputs, self.frames, self.done = [], [], None

    def _text(self, kind):
        return "".join(o["text"] for o in self.outputs if o["type"] == kind)

    @property
    def stdout(self):
        return self._text("stdout")

    @property
    def stderr(self):
        return self._text("stderr")

    @property
    def error(self):
        found = [o for o in self.outputs if o["type"] == "error"]
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def displays(self):
        return [o["data"] for o in self.outputs if o["type"] == "display_data"]

    @property
    def result(self):
        found = [o["data"].get("text/plain") for o in self.outputs if o["type"] == "execute_result"]
        return found[-1].decode() if found else None

    @property
    def status(self):
        return self.done["status"]

    @property
    def notes(self):
        return self.done["notes"]

    def transcript(self):
        """All that must be the same with every engine."""
        kept = [dict(o) for o in self.outputs]
        return kept, self.done["status"], self.done["notes"]

    def add_text(self, kind, data):
        text = data.decode("utf-8", "replace")
        if self.outputs and self.outputs[-1]["type"] == kind:
            self.outputs[-1]["text"] += text
        else:
            self.outputs.append({"type": kind, "text": text})


class FrameClient:
    def __init__(self, fin, fout, out, err, process=None):
        self.fin, self.fout, self.streams, self.process = fin, fout, {out: "stdout", err: "stderr"}, process
        self.count = 0
        self.answer = Answer()
        self.on_input = None
        self.auto_ack = True
        for fd in self.streams:
            os.set_blocking(fd, False)

    @classmethod
    def start(cls, engine, home, python="/usr/bin/python3", warmup=None, environment=None):
        """A kernel on the stand-in for `_cloche`, in a process of its own. engine: plain or full."""
        pairs = [os.pipe() for _ in range(4)]
        (in_r, in_w), (out_r, out_w), (o_r, o_w), (e_r, e_w) = pairs
        # Away from 0-4, which they are about to become.
        wanted = [os.dup(fd) for fd in (in_r, out_w, o_w, e_w)]
        wanted = [_high(fd) for fd in wanted]

        def place():
            for fd, to in zip(wanted, (3, 4, 1, 2)):
                os.dup2(fd, to)

        code = ("import sys; sys.path[:0] = %r; import _cloche; _cloche.main(%r, %r, %r)"
                % ([os.path.join(HERE, "standin"), LAYER], engine, str(home), warmup))
        process = subprocess.Popen([python, "-c", code], stdin=subprocess.DEVNULL, preexec_fn=place,
                                   pass_fds=(3, 4), env=environment, cwd=str(home),
                                   stdout=None, stderr=None)
        for fd in [in_r, out_w, o_w, e_w] + wanted:
            os.close(fd)
        self = cls(in_w, out_r, o_r, e_r, process)
        try:
            self.ready = self.receive(timeout=60)[0]
        except Gone:
            self._drain()
            process.wait()
            self._kill_session()
            raise AssertionError("no kernel: " + self.answer.stderr)
        assert self.ready["type"] == "ready", self.ready
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        for fd in [self.fin, self.fout] + list(self.streams):
            try:
                os.close(fd)
            except OSError:
                pass
        if self.process is not None:
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self._kill_session()

    def _kill_session(self):
        """What user code left running: outside a sandbox nobody else ends it."""
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.getsid(int(name)) == self.process.pid:
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass

    # ---- frames --------------------------------------------------------------------------------

    def send(self, head, buffers=()):
        text = json.dumps(head).encode()
        data = struct.pack("<II", len(text), len(buffers))
        data += struct.pack("<%dI" % len(buffers), *map(len, buffers)) + text + b"".join(buffers)
        view = memoryview(data)
        while len(view):
            view = view[os.write(self.fin, view):]

    def _exactly(self, n, deadline):
        data = bytearray()
        while len(data) < n:
            ready = select.select([self.fout] + list(self.streams), [], [],
                                  max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise TimeoutError("no frame")
            if self.fout in ready:
                more = os.read(self.fout, min(n - len(data), 1 << 20))
                if not more:
                    raise Gone
                data += more
            else:
                self._drain(ready)
        return bytes(data)

    def _drain(self, only=None):
        for fd in list(self.streams):
            while only is None or fd in only:
                try:
                    data = os.read(fd, 1 << 16)
                except BlockingIOError:
                    break
                if not data:
                    break
                self.answer.add_text(self.streams[fd], data)

    def receive(self, timeout=60):
        """(head, buffers) of the next frame; text that comes meanwhile is kept in its order."""
        deadline = time.monotonic() + timeout
        size, count = struct.unpack("<II", self._exactly(8, deadline))
        assert 0 < size <= 1 << 20 and count <= 64, (size, count)
        sizes = struct.unpack("<%dI" % count, self._exactly(4 * count, deadline)) if count else ()
        assert sum(sizes) <= 64 << 20
        head = json.loads(self._exactly(size, deadline).decode("utf-8"),
                          parse_constant=lambda name: 1 / 0)
        return head, [self._exactly(n, deadline) for n in sizes]

    # ---- executions ----------------------------------------------------------------------------

    def begin(self, code, stdin=None, **members):
        self.count += 1
        self.answer = Answer()
        self.id = "exec_%d" % self.count
        head = {"type": "execute", "id": self.id, "count": self.count, "mode": "cell", "ask": False,
                "stdin": stdin is not None}
        head.update(members)
        buffers = [code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code]
        self.send(head, buffers + ([stdin] if stdin is not None else []))

    def step(self, timeout=60):
        """Handles one frame; True when it was `done`."""
        head, buffers = self.receive(timeout)
        kind = head["type"]
        self.answer.frames.append(head)
        assert head.get("id") == self.id, (head, self.id)
        if kind == "barrier":
            self._drain()
            if self.auto_ack:
                self.send({"type": "ack"})
        elif kind in ("display_data", "execute_result"):
            assert len(head["mime"]) == len(buffers)
            self.answer.outputs.append({"type": kind, "data": dict(zip(head["mime"], buffers)),
                                        "metadata": head["metadata"], "head": head})
        elif kind == "error":
            self.answer.outputs.append({k: head[k] for k in ("type", "name", "value", "traceback")})
        elif kind == "input_request":
            reply = self.on_input(head)
            self.send({"type": "input_reply"}, [] if reply is None else [reply.encode()])
        elif kind == "done":
            self._drain()
            self.answer.done = head
            return True
        else:
            raise AssertionError(head)
        return False

    def execute(self, code, timeout=30, **options):
        self.begin(code, **options)
        while not self.step(timeout):
            pass
        return self.answer

    def interrupt(self):
        """As init does it: the kernel and what it runs in the foreground, its process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def signal_pending(self):
        """Whether a signal that was sent to the kernel has not reached it yet."""
        with open("/proc/%d/status" % self.process.pid) as f:
            return any(int(line.split()[1], 16) for line in f if line.startswith(("SigPnd", "ShdPnd")))

    def variables(self):
        self.send({"type": "variables", "id": "v"})
        head, _ = self.receive()
        assert head["type"] == "variables" and head["id"] == "v"
        return head["data"]

    def rehearse(self):
        self.send({"type": "rehearse"})
        head, _ = self.receive(60)
        assert head == {"type": "rehearsed"}, head

    def sync(self, token="0" * 32):
        self.send({"type": "sync", "token": token})
        while True:
            head, _ = self.receive()
            if head["type"] == "sync":
                return head["token"]


def _high(fd):
    import fcntl
    high = fcntl.fcntl(fd, fcntl.F_DUPFD, 100)
    os.close(fd)
    return high


if __name__ == "__main__":
    with FrameClient.start(sys.argv[1], os.getcwd(), *sys.argv[3:4]) as kernel:
        answer = kernel.execute(sys.argv[2])
        for output in answer.outputs:
            print(output)
        print(answer.done)

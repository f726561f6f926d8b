"""Stands in for the C extension `_cloche`: the same functions over the same frames, in Python.

The four pipes are descriptors 3 (frames in), 4 (frames out), 1 and 2. Signals: SIGINT is ignored
outside user(), and inside it is whatever the user made it.
"""
import _signal
import builtins as _builtins
import json
import os
import signal
import struct

__builtins__ = dict(vars(_builtins))  # as immune to the user as C is
READ, WRITE = 3, 4
_high = {}
_handler = signal.default_int_handler
_read, _write = os.read, os.write
_unpack, _pack, _scan = struct.unpack, struct.pack, json.JSONDecoder().scan_once


def _exactly(n):
    data = b""
    while len(data) < n:
        more = _read(READ, min(n - len(data), 1 << 20))
        if not more:
            return None
        data += more
    return data


def _frame():
    start = _exactly(8)
    if start is None:
        return None
    head, count = _unpack("<II", start)
    sizes = _unpack("<%dI" % count, _exactly(4 * count)) if count else ()
    text = _exactly(head)
    return text, [_exactly(size) for size in sizes]


def recv():
    while True:
        frame = _frame()
        if frame is None:
            return None
        message = _scan(frame[0].decode(), 0)[0]
        if message["type"] != "sync":
            return frame
        send(frame[0])


def send(head, buffers=[]):
    assert isinstance(head, bytes) and all(isinstance(b, bytes) for b in buffers)
    data = _pack("<II", len(head), len(buffers))
    data += _pack("<%dI" % len(buffers), *map(len, buffers)) + head + b"".join(buffers)
    view = memoryview(data)
    while len(view):
        view = view[_write(WRITE, view):]


def _await(wanted):
    """Interrupts wait until a whole frame has come."""
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, [2])
    try:
        return _await_frame(wanted)
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)


def _await_frame(wanted):
    while True:
        frame = _frame()
        if frame is None:
            os._exit(0)
        message = _scan(frame[0].decode(), 0)[0]
        if message["type"] == wanted:
            return frame
        if message["type"] == "sync":
            send(frame[0])
            return None


def barrier(execution_id):
    send(b'{"type":"barrier","id":"' + execution_id + b'"}')
    return _await("ack") is not None


def wait_input():
    frame = _await("input_reply")
    return frame


def user(function, *args):
    global _handler
    _signal.signal(2, _handler)
    try:
        return function(*args)
    finally:
        _handler = _signal.getsignal(2)
        _signal.signal(2, _signal.SIG_IGN)


def last_pid():
    with open("/proc/sys/kernel/ns_last_pid") as f:
        return int(f.read())


def flush():
    pass


def restore_fds():
    for fd in (1, 2):
        try:
            if os.fstat(fd)[:3] != os.fstat(_high[fd])[:3]:
                raise OSError
        except OSError:
            os.dup2(_high[fd], fd)
    try:
        os.fstat(0)
    except OSError:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for fd in (READ, WRITE):
        os.set_inheritable(fd, False)


def _setup():
    global READ, WRITE
    import fcntl
    for fd in (1, 2):
        _high[fd] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)
    READ = fcntl.fcntl(3, fcntl.F_DUPFD_CLOEXEC, 200)
    WRITE = fcntl.fcntl(4, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(3)
    os.close(4)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _own_processes(all_of_them):
    """There is no pid namespace here: only processes of our session count."""
    def mine():
        return [pid for pid in all_of_them() if _session(pid) == _session(os.getpid())]
    return mine


def _session(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None


for _name, _function in list(globals().items()):
    if hasattr(_function, "__code__"):  # frames of C do not show in tracebacks
        _function.__code__ = _function.__code__.replace(co_filename="<frozen _cloche>")


def main(engine, home, warmup=None):
    """What C does around the layer: boot a zygote, fork nothing, become the kernel."""
    _setup()
    os.setsid()
    from cloche_kernel import boot
    from cloche_kernel import runner as module
    module._still_running = _own_processes(module._still_running)
    getattr(boot, engine)(*([warmup] if warmup else []))
    from cloche_kernel import loop
    loop.prepare(home)
    os.umask(0o022)
    os.chdir(home)
    loop.child()
    loop.serve()

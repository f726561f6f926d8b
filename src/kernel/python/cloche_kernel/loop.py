"""The kernel's loop: what C calls at the end of a zygote's warm-up and in its children.

`prepare()` makes the zygote what its kernels are (environment, paths, streams): all that is alike in
them is made once, because every page that a kernel writes to is a fault and a copy of its own.
`child()` does the rest after the fork, `serve()` answers frames until the server closes its pipe.
"""
from cloche_kernel import BUILTINS as __builtins__

import gc
import linecache
import os
import sys
import time

import _cloche
from cloche_kernel import boot, frames, previewing, stdin, streams, variables
from cloche_kernel.runner import runner
from cloche_kernel.state import own_kernel, state, watch_forks

_ready = None         # the first frame of every kernel


def environment(home):
    """All of a kernel's environment variables: of the warm-up's nothing is left."""
    venv = sys.prefix if sys.prefix != sys.base_prefix else None
    path = "/usr/local/bin:/usr/bin:/bin"
    values = {"HOME": home, "USER": "user", "LOGNAME": "user",
              "PATH": venv + "/bin:" + path if venv else path, "LANG": "C.UTF-8",
              "TZ": os.environ.get("TZ") or "UTC", "PLOTLY_RENDERER": "plotly_mimetype"}
    if venv:
        values["VIRTUAL_ENV"] = venv
    return values


def _reseed():
    """Kernels of one zygote must not draw the same numbers."""
    for seed in _seeds():
        seed()


def _seeds():
    modules = (sys.modules.get(name) for name in ("random", "numpy.random"))
    return [module.seed for module in modules if module is not None]


def prepare(home="/mnt/data"):
    """In the zygote, warm-up done: what all its kernels are alike in. Ends with gc.freeze(), so that
    a kernel's collections do not copy the zygote's memory."""
    global _ready
    values = environment(home)
    os.environ.clear()
    os.environ.update(values)
    time.tzset()
    state.home = home
    sys.argv = [""]
    linecache.cache.pop("<string>", None)  # from 3.13 on: what the zygote was started with
    ours = [os.path.dirname(_cloche.__file__), os.path.dirname(os.path.dirname(__file__))]
    ours = [p for p in sys.path if os.path.normpath(p) in map(os.path.normpath, ours)]
    sys.path[:] = [""] + [p for p in sys.path if p and p not in ours] + ours
    _ready = frames.encode({"type": "ready", "python": "%d.%d.%d" % sys.version_info[:3]})
    watch_forks()
    stdin.open_null()
    streams.make()
    gc.collect()
    gc.freeze()


def child():
    """In the kernel, which stands in its folder with descriptors 0, 1 and 2 of its own."""
    _reseed()
    runner.pid = os.getpid()
    own_kernel()


def _answer(message, buffers):
    kind = message["type"]
    if kind == "execute":
        runner.execute(message, buffers)
    elif kind == "variables":
        _variables(message)
    elif kind == "preview":
        _previews(message)
    elif kind == "rehearse":
        boot.rehearse_kernel()
        _reseed()
        frames.emit({"type": "rehearsed"})


def _variables(message):
    data = variables.listing(runner.ns)
    head = {"type": "variables", "id": message["id"], "data": data}
    while len(frames._encode(head).encode("utf-8", "replace")) > 900_000:
        del data[len(data) // 2:]
    frames.emit(head)


def _previews(message):
    try:
        data = previewing.previews(message["files"])
    except Exception:  # the user's code may have changed what it stands on
        data = []
    frames.emit({"type": "preview", "id": message["id"], "data": data})


def _give_up(error):
    """Our own failure while an execution ran: it must not be left without an end."""
    try:
        id = state.id.decode()
        frames.emit({"type": "error", "id": id, "name": type(error).__name__,
                     "value": "the kernel failed", "traceback": [type(error).__name__]})
        frames.emit({"type": "done", "id": id, "status": "error", "cpu_us": 0,
                     "notes": ["The kernel could not finish this execution: %s."
                               % type(error).__name__]})
        state.id = None
    except BaseException:
        os._exit(70)


def serve():
    """Answers frames for ever; at the end of the pipe the process ends."""
    _cloche.send(_ready)
    receive, decode = _cloche.recv, frames.decode
    while True:
        frame = receive()
        if frame is None:
            os._exit(0)
        try:
            _answer(decode(frame[0]), frame[1])
        except BaseException as e:
            if state.forked:
                os._exit(1)
            if state.id is None:
                os._exit(70)
            _give_up(e)

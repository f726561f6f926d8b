"""sys.stdout and sys.stderr: text straight to descriptors 1 and 2, as subprocesses write it.

When output switches from one to the other the server must have read the first before the second is
written, or their order is lost: a barrier. Only the main thread waits for one; what threads print
beside each other has no order to keep.
"""
from cloche_kernel import BUILTINS as __builtins__

import _thread
import builtins
import io
import os
import sys

import _cloche
from cloche_kernel.state import state

_write, _barrier, _thread_id = os.write, _cloche.barrier, _thread.get_ident


class Raw(io.RawIOBase):
    """Descriptor 1 or 2. Writes everything it is given; never closes its descriptor."""

    def __init__(self, fd, name):
        self._fd = fd
        self.name = name
        self.mode = "wb"

    def fileno(self):
        return self._fd

    def writable(self):
        return True

    def isatty(self):
        return False

    def _settle(self):
        """What was written so far is read before anything else is."""
        if (state.id is not None and not state.forked and not state.muted
                and _thread_id() == state.main and not _barrier(state.id)):
            raise KeyboardInterrupt

    def write(self, data):
        fd = self._fd
        if state.last != fd:
            if state.last is not None:
                self._settle()
            state.last = fd
        if state.muted:
            return len(data)
        done = _write(fd, data)
        size = len(data)
        if done < size:
            with memoryview(data) as view:
                while done < size:
                    done += _write(fd, view[done:])
        if fd == 2:  # the server reads 1 before 2, and a program may write to 1 next without our knowing
            self._settle()
            state.last = None
        return size


def _text(fd, name):
    text = io.TextIOWrapper(Raw(fd, name), encoding="utf-8",
                            errors="backslashreplace",
                            newline="\n", write_through=True)
    text.mode = "w"
    return text


out = err = None


def make():
    """New stream objects. They keep nothing about their descriptors and have no locks, so that those
    made in the zygote serve in its kernels, where 1 and 2 are other files."""
    global out, err
    out, err = _text(1, "<stdout>"), _text(2, "<stderr>")
    sys.__stdout__, sys.__stderr__ = out, err
    sys.stdout, sys.stderr = out, err


def install():
    """Gives the next execution its streams back, whatever the last one did to them."""
    if out.closed or err.closed or out.buffer.closed or err.buffer.closed:
        make()
    if sys.stdout is not out or sys.__stdout__ is not out:
        sys.stdout = sys.__stdout__ = out
    if sys.stderr is not err or sys.__stderr__ is not err:
        sys.stderr = sys.__stderr__ = err


_python_print = builtins.print


def print(*args, sep=" ", end="\n", file=None, flush=False):
    """Prints the values to a stream, or to sys.stdout by default.

    sep
      string inserted between values, default a space.
    end
      string appended after the last value, default a newline.
    file
      a file-like object (stream); defaults to the current sys.stdout.
    flush
      whether to forcibly flush the stream."""
    to = sys.stdout if file is None else file
    if (to is out or to is err) and type(sep) is str and type(end) is str:
        # All of it in one write: the lines of threads and processes do not mix.
        to.write(sep.join(map(str, args)) + end)
    else:
        _python_print(*args, sep=sep, end=end, file=file, flush=flush)


print.__module__ = "builtins"
builtins.print = print


def before_subprocess():
    """A subprocess is about to write to 1 or 2 on our behalf."""
    if state.last is not None and state.may_send() and _thread_id() == state.main:
        if not _barrier(state.id):
            raise KeyboardInterrupt
    state.last = None


def after_subprocess():
    """It did, to which of the two nobody knows."""
    state.last = 0

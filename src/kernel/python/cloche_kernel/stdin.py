"""Where input() and sys.stdin read: the execution's stdin, a person asked by frame, or nowhere.

With stdin given, descriptor 0 is a file that holds it, so sys.stdin, input() and subprocesses read it
to its end. Otherwise 0 is /dev/null, and input() asks by frame if the execution allows it.
"""
from cloche_kernel import BUILTINS as __builtins__

import builtins
import io
import os
import sys

import _cloche
from cloche_kernel import frames
from cloche_kernel.state import state

_python_input = builtins.input
_stdin = None


def _open():
    global _stdin
    _stdin = io.open(0, "r", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdin = sys.__stdin__ = _stdin


def _point_at(fd):
    os.dup2(fd, 0, inheritable=True)
    os.close(fd)
    _open()


def open_null():
    """Descriptor 0 is /dev/null, in the zygote and in a fresh kernel."""
    _open()


def install():
    if sys.stdin is not _stdin or _stdin.closed:
        _open()


def feed(data):
    """Makes descriptor 0 a file that holds `data`."""
    fd = os.memfd_create("stdin")
    view = memoryview(data)
    while len(view):
        view = view[os.write(fd, view):]
    os.lseek(fd, 0, os.SEEK_SET)
    _point_at(fd)
    state.feeding = True


def unfeed():
    state.feeding = False
    _point_at(os.open("/dev/null", os.O_RDONLY))


def _ask(prompt, password):
    if state.forked or state.id is None or not state.ask:
        raise EOFError("input() has nothing to read: this execution was given no stdin, and nobody "
                       "can be asked")
    frames.settle()
    frames.emit({"type": "input_request", "id": state.id.decode(), "prompt": frames.clean(prompt),
                 "password": password})
    frame = _cloche.wait_input()
    if frame is None:
        raise EOFError("nobody answered input()")
    if not frame[1]:
        raise KeyboardInterrupt  # the execution is being interrupted: there is no line
    return frame[1][0].decode("utf-8", "replace")


def input(prompt="", /):
    """Read a string from standard input. The trailing newline is stripped.

    The prompt string, if given, is shown before input is read.
    If the input ends first, raise EOFError."""
    if state.feeding or state.forked or sys.stdin is not _stdin:
        return _python_input(prompt)
    return _ask(prompt, False)


def _getpass(prompt="Password: ", stream=None, **options):
    if state.feeding or state.forked:
        return _python_input(prompt)
    return _ask(prompt, True)


def hook_getpass(module):
    module.getpass = _getpass


input.__module__ = "builtins"
input.__qualname__ = "input"
builtins.input = input

"""Exceptions as text: plain CPython's, the user's frames only.

A frame is the user's unless its file belongs to this layer, to IPython, to the standard library or to
an installed package; then it is left out, also when it is the last. What remains reads the same with
and without IPython, and from one release of a package to the next. An exception whose frames are all
left out has no "Traceback" header, as CPython has none for one without a traceback.

Everything here may run user code (`__str__`, `__getattr__` of an exception), so it is called "in user
code", where it can be interrupted.
"""
from cloche_kernel import BUILTINS as __builtins__

import io
import linecache
import os
import sys
from importlib.util import find_spec, module_from_spec

from cloche_kernel.frames import clean

FRAMES = 200          # of a traceback made without user code
LINES = 300           # of one traceback; what is in the middle of a longer one is left out
LINE = 2000           # characters of one line


def _own_copy(name):
    """A module of the library for ourselves: packages and user code patch the common one."""
    spec = find_spec(name)
    module = module_from_spec(spec)
    module.__builtins__ = __builtins__
    spec.loader.exec_module(module)
    return module


TracebackException = _own_copy("traceback").TracebackException
_excepthook = sys.__excepthook__


def _library_roots():
    roots = {os.path.dirname(__file__), os.path.dirname(os.__file__), "/usr/lib/python3"}
    for prefix in {sys.prefix, sys.base_prefix}:
        roots.update((prefix + "/lib", prefix + "/lib64", prefix + "/local/lib"))
    return tuple(root.rstrip("/") + "/" for root in roots)


_roots = _library_roots()
_kinds = {}


def is_user_file(name):
    known = _kinds.get(name)
    if known is None:
        if name.startswith("<"):
            known = not name.startswith(("<frozen", "<__array_function__", "<decorator-gen"))
        else:
            known = not name.startswith(_roots)
        if len(_kinds) < 10000:
            _kinds[name] = known
    return known


def remember(name, source):
    """Lets tracebacks and inspect find the source of a cell."""
    lines = source.splitlines(True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    linecache.cache[name] = (len(source), None, lines, name)


def _prune(te, seen):
    """Leaves the user's frames in `te` and in all that it is chained to."""
    stack = [te]
    while stack:
        one = stack.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        frames = [f for f in one.stack if is_user_file(f.filename)]
        one.stack[:] = frames
        if not frames and hasattr(one, "exc_traceback"):
            one.exc_traceback = None  # 3.9 writes its header by this
        stack += [one.__cause__, one.__context__]
        stack += getattr(one, "exceptions", None) or []


def _suggestion(exc, last):
    """Before 3.12 only the interpreter's own printer knows "Did you mean …?"."""
    if not isinstance(exc, (NameError, AttributeError)) or not (3, 10) <= sys.version_info < (3, 12):
        return last
    stream, kept = io.StringIO(), sys.stderr
    context, cause, suppress = exc.__context__, exc.__cause__, exc.__suppress_context__
    sys.stderr = stream
    try:
        exc.__suppress_context__ = True
        exc.__cause__ = None
        exc.__suppress_context__ = True
        _excepthook(type(exc), exc, exc.__traceback__)
    finally:
        sys.stderr = kept
        exc.__cause__, exc.__context__, exc.__suppress_context__ = cause, context, suppress
    said = stream.getvalue().rstrip("\n").rsplit("\n", 1)[-1]
    return said if said.startswith(last + ". Did you mean") else last


def describe(exc):
    """(name, value, lines) of an exception. Runs user code."""
    name = clean(type(exc).__name__, 200)
    try:
        value = clean(exc)
    except Exception:
        value = "<exception str() failed>"
    try:
        te = TracebackException(type(exc), exc, exc.__traceback__, lookup_lines=False)
        _prune(te, set())
        lines = "".join(te.format()).rstrip("\n").split("\n")
        if len(lines) > LINES:
            half = LINES // 2
            lines[half:-half] = ["  [%d lines left out]" % (len(lines) - 2 * half)]
        lines = [clean(line, LINE) for line in lines]
        lines[-1] = clean(_suggestion(exc, lines[-1]), LINE)
    except KeyboardInterrupt:
        raise
    except BaseException as e:
        lines = [name + ": " + value, "(no traceback: formatting it raised %s)" % type(e).__name__]
    return name, value, lines


def bare(exc):
    """The same without running any user code, when `describe` was interrupted."""
    name = clean(type(exc).__name__, 200)
    lines, tb = [], exc.__traceback__
    while tb is not None and len(lines) < FRAMES:
        file = tb.tb_frame.f_code.co_filename
        if is_user_file(file):
            lines.append('  File "%s", line %d, in %s' % (clean(file, 500), tb.tb_lineno,
                                                          tb.tb_frame.f_code.co_name))
            text = linecache.getline(file, tb.tb_lineno).strip()
            if text:
                lines.append("    " + clean(text, 500))
        tb = tb.tb_next
    if lines:
        lines.insert(0, "Traceback (most recent call last):")
    return name, "", lines + [name]

"""How files begin, for the server: made in a child, so that a file which is hostile to its reader costs neither
the session's variables nor its memory, and takes no longer than we wait for it.
"""
from cloche_kernel import BUILTINS as __builtins__

import json
import os
import resource
import select
import signal
import sys
import time
import warnings

from cloche_kernel import frames
from cloche_kernel.state import state

SECONDS = 4
MEMORY = 384 << 20   # beyond what the kernel has
BYTES = 256 * 1024   # of all previews together


def previews(files):
    """The `data` of a `preview` answer: [{path, text}] of the files that could be read in time."""
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads that the user has
            child = os.fork()
    except OSError:
        child = -1
    if child == 0:
        try:
            os.close(reader)
            _child(files, writer)
        finally:
            os._exit(0)
    os.close(writer)
    data = b""
    try:
        if child > 0:
            data = _read(reader, time.monotonic() + SECONDS)
    finally:
        os.close(reader)
        if child > 0:
            _end(child)
    return list(_parsed(data))


def _read(reader, deadline):
    data = b""
    while len(data) < BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            break
        part = os.read(reader, 65536)
        if not part:
            break
        data += part
    return data


def _end(child):
    try:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except OSError:  # the user's code has its children reaped by the system
        pass


def _parsed(data):
    for line in data.split(b"\n")[:-1]:
        try:
            path, text = json.loads(line)
            yield {"path": frames.clean(path, 4096), "text": frames.clean(text)}
        except (ValueError, TypeError):
            return


def _child(files, writer):
    """Writes one line of JSON for each file as soon as it has it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    with open("/proc/self/statm") as file:
        have = int(file.read().split()[0]) * resource.getpagesize()
    _lower(resource.RLIMIT_AS, have + MEMORY)
    _lower(resource.RLIMIT_CPU, SECONDS)
    sys.stdout = sys.stderr = None
    sys.path[:] = [p for p in sys.path if p and not p.startswith(state.home)]  # a file of the user's is no module here
    from cloche_analyst import previews as made
    for one in files:
        try:
            text = made.of(os.path.join(state.home, one["path"]), one["sample"], one["limit"])
        except BaseException:
            continue  # nothing is known of it but its name
        line = json.dumps([one["path"], text]).encode() + b"\n"
        while line:
            line = line[os.write(writer, line):]


def _lower(which, limit):
    soft, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(which, (limit, limit))

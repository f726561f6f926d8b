"""Stop a sibling
tries: signals to every pid, while another session counts
expect: refused: it counts on
"""
from attack import *


def victim():
    global counter
    if os.path.isdir("/mnt/data"):
        path = "/mnt/data/count"
    else:
        path = "/tmp/sibling-count"
    counter = child(lambda: count(path))
    return counter


def count(path):
    n = 0
    while True:
        n += 1
        with open(path, "w") as file:
            file.write(str(n))
        time.sleep(0.01)


def attack(pid):
    if os.path.isdir("/mnt/data") and os.path.exists(f"/proc/{pid}/comm"):
        pid = 2**22 - 1  # the same number is one of our own here
    for number in {pid, -pid}:
        try:
            os.kill(number, signal.SIGSTOP)
            return "it was stopped"
        except OSError:
            continue
    raise Contained("no such process here")


def harmed():
    path = "/mnt/data/count" if os.path.isdir("/mnt/data") else "/tmp/sibling-count"
    first, deadline = None, time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            now = read(path)
        except OSError:
            continue
        if first is None and now:
            first = now
        if now and now != first:
            return None
    return "it counts no more"

"""Signal the group of who started Cloche
tries: its session and process group must be its own, or kill(0, …) would reach up
expect: refused: a session of its own
"""
from attack import *


def attack():
    leader = os.getsid(0)
    if leader == 0 or os.getpgid(0) == 0:
        return "its session was made by a process outside"
    if leader not in (os.getpid(), os.getppid()) and not os.path.exists(f"/proc/{leader}"):
        return "its session's leader is not to be seen"
    if leader == 1 or read(f"/proc/{leader}/comm").strip() != read("/proc/thread-self/comm").strip():
        return f"its session belongs to {read(f'/proc/{leader}/comm').decode().strip()}"
    raise Contained("a session of its own")

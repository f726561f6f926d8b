"""See processes of others
tries: lists /proc for a process that is neither init nor of this session
expect: refused: only init and its own
proof: host
"""
from attack import *


def attack():
    names = [name for name in os.listdir("/proc") if name.isdigit()]
    strangers = []
    for name in names:
        try:
            program = read(f"/proc/{name}/comm").decode().strip()
        except OSError:
            continue
        if program in ("cloche-warden", "cloche-supervis", "systemd", "kthreadd", "cloche"):
            strangers.append(program)
    if str(os.getpid()) not in names:
        return "processes of others only: it is itself in the table of somebody else"
    if len(names) > 60 or strangers:
        return f"{len(names)} processes, among them {strangers[:5]}"
    raise Contained(f"{len(names)} processes, init and its own")

"""Open the namespaces of init
tries: /proc/1/ns/*
expect: EACCES EPERM
"""
from attack import *


def attack():
    for name in ("user", "mnt", "net", "pid", "ipc", "uts", "cgroup"):
        os.close(os.open(f"/proc/1/ns/{name}", os.O_RDONLY))

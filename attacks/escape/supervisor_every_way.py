"""Reach the supervisor by its number
tries: signal, ptrace, /proc/PID, prlimit, affinity, setns … on the pid that the host knows it by
expect: refused in every way
needs: pids
"""
from attack import *


def attack():
    return all_refused(every_way(outsider("supervisor")))

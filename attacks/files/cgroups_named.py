"""Learn where the host has its cgroups
tries: /proc/self/cgroup, which names them from the root of a cgroup namespace
expect: refused: no folder of the host's is named
proof: layer tests/attacks/layers.py takes the cgroup namespace away
"""
from attack import *


def attack():
    import subprocess

    lines = subprocess.check_output(["cat", "/proc/self/cgroup"], text=True).split()
    named = sorted({line.split(":", 2)[2] for line in lines})
    if any(len([part for part in name.split("/") if part not in ("", "..")]) > 1 for name in named):  # its own is below the root, or beside
        return ", ".join(named)
    raise Contained(", ".join(named))

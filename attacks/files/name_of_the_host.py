"""Learn the name of the host
tries: uname, gethostname and /proc/sys/kernel/hostname
expect: refused: all say cloche
"""
from attack import *


def attack():
    said = {os.uname().nodename, socket.gethostname(), read("/proc/sys/kernel/hostname").decode().strip()}
    if said == {"cloche"}:
        raise Contained("all say cloche")
    return ", ".join(sorted(said))

"""See the cgroups of the host
tries: /sys/fs/cgroup
expect: refused: there are none
"""
from attack import *


def attack():
    if os.path.isdir("/sys/fs/cgroup") and os.listdir("/sys/fs/cgroup"):
        return str(os.listdir("/sys/fs/cgroup")[:5])
    raise Contained("there are none")

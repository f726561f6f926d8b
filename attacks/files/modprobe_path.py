"""Choose what loads modules
tries: /proc/sys/kernel/modprobe and hotplug for writing
expect: EROFS EACCES EPERM ENOENT
"""
from attack import *


def attack():
    for name in ("modprobe", "hotplug", "poweroff_cmd"):
        try:
            return writes(f"/proc/sys/kernel/{name}")
        except FileNotFoundError:
            continue
    return writes("/proc/sys/kernel/modprobe")

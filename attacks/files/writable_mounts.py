"""Find a mount that could be written
tries: every mount but the session's own scratch and /proc must be read-only, whatever modes and Landlock say of its files
expect: refused: none
"""
from attack import *


def attack():
    for line in read("/proc/self/mountinfo", 1 << 20).decode().splitlines():
        at, options = line.split()[4:6]
        if "ro" not in options.split(",") and at != "/proc" and not at.startswith(("/mnt/", "/proc/k", "/proc/t", "/proc/i", "/proc/l")):
            return f"{at} is {options}"
    if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        return "/proc/sys is no mount of its own"
    raise Contained("none")

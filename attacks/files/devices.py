"""Find devices
tries: everything in /dev that is a device but null, zero, full and random
expect: refused: five harmless ones
"""
from attack import *


def attack():
    import stat
    harmless = {"null", "zero", "full", "random", "urandom"}
    found = [f"/dev/{name}" for name in os.listdir("/dev") if name not in harmless
             and stat.S_IFMT(os.lstat(f"/dev/{name}").st_mode) in (stat.S_IFCHR, stat.S_IFBLK)]
    if found:
        return str(found[:5])
    raise Contained("five harmless ones")

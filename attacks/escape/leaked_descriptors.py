"""Find what was left open
tries: every descriptor but pipes, /dev/null and files of its own; folders above all
expect: refused: nothing
"""
from attack import *


def attack():
    import stat
    for number in range(4096):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            return f"descriptor {number} is a {stat.filemode(mode)}"
    raise Contained("pipes and /dev/null")

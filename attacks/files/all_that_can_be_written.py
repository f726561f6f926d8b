"""Find a folder that outlives the session
tries: every folder outside /mnt, /proc and /sys for writing
expect: refused: none
"""
from attack import *


def attack():
    for top in ("/", "/opt", "/etc", "/run", "/var", "/dev", "/home", "/root", "/usr", "/usr/local/lib", "/usr/lib/python3/dist-packages"):
        if os.path.isdir(top) and os.path.realpath(top) == top:
            path = f"{top}/cloche-attack-{os.getpid()}"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                os.unlink(path)
                return path
            except OSError:
                continue
    raise Contained("none")

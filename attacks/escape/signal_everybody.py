"""Signal every process there is
tries: kill(-1, 0) and every pid up to 70,000: none but its own and none above may answer
expect: refused: nobody but its own
"""
from attack import *


def attack():
    own = os.getuid()
    reached = []
    for pid in range(1, 70000):
        try:
            os.kill(pid, 0)
        except OSError:
            continue
        try:
            if pid == 1 or os.stat(f"/proc/{pid}").st_uid != own and not read(f"/proc/{pid}/comm").startswith((b"kernel", b"python")):
                reached.append(pid)
        except OSError:
            continue
    if 1 in reached or len(reached) > 4:
        return f"could signal {len(reached)} processes that are not its own"
    raise Contained("only its own processes")

"""Signal init
tries: kill(1, SIGCONT), which would do nothing; and the four calls that do the same for a thread or with a value
expect: refused: EPERM of all five
"""
from attack import *


def attack():
    info = struct.pack("iiii112x", signal.SIGCONT, 0, -1, 0)  # SI_QUEUE
    found = {
        "kill": outcome(lambda: os.kill(1, signal.SIGCONT)),
        "tkill": outcome(lambda: call(200, 1, signal.SIGCONT)),
        "tgkill": outcome(lambda: call(234, 1, 1, signal.SIGCONT)),
        "rt_sigqueueinfo": outcome(lambda: call(129, 1, signal.SIGCONT, info)),
        "rt_tgsigqueueinfo": outcome(lambda: call(297, 1, 1, signal.SIGCONT, info)),
    }
    other = {name: said for name, said in found.items() if said not in ("ok", "EPERM")}
    return f"past their layer: {other}" if other else all_refused(found)

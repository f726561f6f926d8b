"""Fork in a shell until nothing answers
tries: every copy starts two, ten times over: 2,000 processes
expect: refused: never more than the limit
session: own
timeout: 10
where: kernel
bomb: yes
"""
from attack import *


def attack():
    import subprocess
    bomb = 'bomb() { [ "$1" -gt 9 ] && exec sleep 4; bomb $(($1 + 1)) & bomb $(($1 + 1)) & sleep 4; }; bomb 0'
    with subprocess.Popen(["bash", "-c", bomb], stderr=subprocess.DEVNULL, start_new_session=True) as shell:
        most, deadline = 0, time.monotonic() + 3
        while time.monotonic() < deadline and most <= 400:
            most = max(most, sum(name.isdigit() for name in os.listdir("/proc")))
        os.killpg(shell.pid, signal.SIGKILL)
    if most > 400:
        return f"{most} processes"
    raise Contained(f"never more than {most} processes")

"""Stop itself, so that nothing comes back
tries: SIGSTOP to the kernel by itself
expect: timeout killed
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    wake = time.monotonic() + 30
    if os.fork() == 0:
        time.sleep(29)
        os.kill(os.getppid(), signal.SIGCONT)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGSTOP)
    while time.monotonic() < wake:
        time.sleep(0.1)
    return "30 s, with one allowed"

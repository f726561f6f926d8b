"""Stop itself, so that nothing comes back
tries: SIGSTOP to the kernel by itself
expect: timeout killed
session: own
timeout: 1
where: kernel
"""
from attack import *


def attack():
    wake = time.monotonic() + 8
    if os.fork() == 0:
        time.sleep(7)
        os.kill(os.getppid(), signal.SIGCONT)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGSTOP)
    while time.monotonic() < wake:
        time.sleep(0.1)
    return "8 s, with one allowed"

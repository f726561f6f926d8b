"""Fill the kernel with the locks of processes that have ended
tries: children that share their parent's open files lock 1,000 single bytes each, and end: nobody is shown their locks
expect: EPERM
"""
from attack import *

CLONE_FILES = 0x400


def attack():
    import fcntl
    import tempfile
    files = [tempfile.TemporaryFile() for _ in range(20)]
    for file in files:
        pid = call(SYS["clone"], CLONE_FILES | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            try:
                for n in range(1000):
                    fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * n)
                os._exit(0)
            except OSError as e:
                os._exit(e.errno)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code:
            raise OSError(code, "locking")
    return "20,000 locks of nobody"

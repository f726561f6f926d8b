"""Use a thread that the filters forgot
tries: unshare(CLONE_NEWUSER) from a thread of C, made without Python
expect: EPERM
"""
from attack import *


def attack():
    import threading
    met = []

    def work():
        try:
            call(SYS["unshare"], CLONE_NEWCGROUP)
            met.append(None)
        except OSError as e:
            met.append(e)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if met[0]:
        raise met[0]

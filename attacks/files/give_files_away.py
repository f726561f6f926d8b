"""Give a file to somebody else
tries: chown to root
expect: EPERM EINVAL
"""
from attack import *


def attack():
    import tempfile
    path = os.path.join(tempfile.mkdtemp(), "mine")
    open(path, "w").close()
    os.chown(path, 0, 1)

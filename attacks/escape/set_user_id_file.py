"""Make a program run as its owner
tries: chmod 4755 on a copy of a program
expect: EPERM
"""
from attack import *


def attack():
    import shutil
    import tempfile
    path = os.path.join(tempfile.mkdtemp(), "program")
    shutil.copy("/usr/bin/env", path)
    os.chmod(path, 0o4755)

"""Make a program run as its owner
tries: chmod 4755 on a copy of a program; then starts it as somebody else, where it may, and looks at whom it runs as
expect: EPERM
"""
from attack import *


def attack():
    import shutil
    import tempfile
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "program")
    shutil.copy("/usr/bin/env", path)
    os.chmod(path, 0o4755)
    return f"it has {more_rights(path) or 'the bit'}"

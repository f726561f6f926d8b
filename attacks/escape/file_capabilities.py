"""Give a program capabilities
tries: setxattr("security.capability") on a copy of a program
expect: ENOTSUP EOPNOTSUPP
"""
from attack import *


def attack():
    import shutil
    import tempfile
    path = os.path.join(tempfile.mkdtemp(), "program")
    shutil.copy("/usr/bin/env", path)
    os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 21, 0, 0, 0))

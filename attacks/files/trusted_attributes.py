"""Set attributes that only root may
tries: setxattr("trusted.overlay.opaque")
expect: ENOTSUP EOPNOTSUPP
"""
from attack import *


def attack():
    import tempfile
    os.setxattr(tempfile.mkdtemp(), "trusted.cloche", b"y")

"""Take a copy of the mounts
tries: open_tree(OPEN_TREE_CLONE) on /
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["open_tree"], -100, b"/proc", 1))

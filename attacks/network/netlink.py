"""Reach the kernel's other netlinks
tries: audit, netfilter, xfrm, diagnostics, uevents, generic
expect: EPERM
"""
from attack import *


def attack():
    for protocol in (9, 12, 6, 4, 15, 16):
        try:
            os.close(call(SYS["socket"], 16, 3, protocol))
            return f"netlink protocol {protocol}"
        except OSError as e:
            last = e
    raise last

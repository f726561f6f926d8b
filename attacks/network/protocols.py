"""Use SCTP, DCCP, MPTCP, UDP-Lite
tries: protocols that are modules, or code that few have read
expect: EPROTONOSUPPORT
"""
from attack import *


def attack():
    for kind, protocol in ((1, 262), (2, 136), (5, 132), (1, 132), (6, 33)):
        try:
            os.close(call(SYS["socket"], 2, kind, protocol))
            return f"protocol {protocol}"
        except OSError as e:
            last = e
    raise last

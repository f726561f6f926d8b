"""Have the kernel write accounts
tries: acct of a file that there is not
expect: EPERM
"""
from attack import *


def attack():
    return past("ENOENT ENOSYS", SYS["acct"], b"/cloche/no/such")

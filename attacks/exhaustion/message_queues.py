"""Take all message queues of the host
tries: mq_open
expect: EMFILE
"""
from attack import *


def attack():
    os.close(call(SYS["mq_open"], b"cloche-attack", os.O_CREAT | os.O_RDWR, 0o600, 0))
    call(241, b"cloche-attack")

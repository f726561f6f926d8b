"""Take the processor for good
tries: SCHED_FIFO
expect: EPERM
"""
from attack import *


def attack():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

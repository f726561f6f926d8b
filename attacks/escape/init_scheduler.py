"""Give init the idle scheduler
tries: sched_setscheduler(1, SCHED_IDLE)
expect: EPERM
"""
from attack import *


def attack():
    os.sched_setscheduler(1, os.sched_getscheduler(1), os.sched_param(0))

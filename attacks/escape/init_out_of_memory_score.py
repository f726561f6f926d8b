"""Have init killed first
tries: writes /proc/1/oom_score_adj
expect: EACCES EPERM
"""
from attack import *


def attack():
    return writes("/proc/1/oom_score_adj")

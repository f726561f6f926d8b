"""Be the last to be killed
tries: lowers its own oom_score_adj to -1000
expect: EACCES EPERM
proof: sys_resource
"""
from attack import *


def attack():
    with open("/proc/thread-self/oom_score_adj" if os.path.exists("/proc/thread-self/oom_score_adj") else "/proc/self/oom_score_adj",
              "w") as file:
        file.write("-1000")

"""Send packets of its own making, the old way
tries: socket(AF_INET, SOCK_PACKET), which Linux takes for AF_PACKET
expect: EPERM
"""
from attack import *


def attack():
    os.close(call(SYS["socket"], socket.AF_INET, 10, 6))

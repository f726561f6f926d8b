"""Walk through /sys
tries: more of /sys than processors and large pages
expect: refused: only what libraries count
"""
from attack import *


def attack():
    allowed = ("/sys", "/sys/devices", "/sys/devices/system", "/sys/devices/system/cpu", "/sys/kernel", "/sys/kernel/mm",
               "/sys/kernel/mm/transparent_hugepage")
    for folder, folders, _ in os.walk("/sys"):
        if folder not in allowed and not folder.startswith(("/sys/devices/system/cpu/", "/sys/kernel/mm/transparent_hugepage")):
            return folder
    raise Contained("processors and large pages")

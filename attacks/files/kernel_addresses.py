"""Learn where the kernel is
tries: /proc/kallsyms, /proc/modules, /proc/iomem with true addresses
expect: refused: covered, or zeros
"""
from attack import *


def attack():
    for path in ("/proc/kallsyms", "/proc/modules", "/proc/iomem", "/proc/vmallocinfo", "/proc/timer_list"):
        try:
            for line in read(path, 4096).decode().splitlines():
                if any(int(word, 16) > 1 << 47 for word in re.findall(r"\b(?:0x)?([0-9a-f]{16})\b", line)):
                    return f"{path}: {line[:60]}"
        except OSError:
            continue
    raise Contained("covered, or zeros")

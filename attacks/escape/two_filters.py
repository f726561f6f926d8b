"""Run before the filters are there
tries: the kernel's status must name two filters, and a program that it starts, too
expect: refused: two filters
"""
from attack import *


def attack():
    import subprocess
    text = subprocess.check_output(["cat", "/proc/self/status"], text=True)
    found = re.search(r"Seccomp:\s+(\d)\s+Seccomp_filters:\s+(\d+)", text)
    if not found or found.group(1) != "2" or int(found.group(2)) < 2:
        return "no filter is in force" if not found else f"mode {found.group(1)}, {found.group(2)} filters"
    raise Contained(f"{found.group(2)} filters")

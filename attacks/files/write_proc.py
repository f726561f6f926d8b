"""Write into /proc
tries: a program of its own, which may be dumped, renames itself by /proc/self/comm: what the mounts allow, Landlock refuses
expect: refused: by Landlock
needs: landlock
"""
from attack import *


def attack():
    import subprocess
    program = "open('/proc/self/comm', 'w').write('x')"
    done = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True)
    if done.returncode == 0:
        return "it was renamed"
    raise Contained(done.stderr.strip().splitlines()[-1])

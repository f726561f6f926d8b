"""Change what the next session imports
tries: a sitecustomize.py or a .pth in every folder that Python looks into
expect: refused: all read-only
"""
from attack import *


def attack():
    import site
    for folder in [p for p in sys.path if p] + site.getsitepackages():
        if not folder.startswith("/mnt/") and os.path.isdir(folder):
            path = f"{folder}/cloche_attack.pth"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                os.unlink(path)
                return folder
            except OSError:
                continue
    raise Contained("all read-only")

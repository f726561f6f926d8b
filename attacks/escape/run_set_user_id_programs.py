"""Run programs that give rights
tries: starts every program below /usr that has a set-user-id or set-group-id bit or capabilities, su and mount among them, and looks at whom it runs as
expect: refused: as who starts it, without a capability
"""
from attack import *

FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/openssh")


def gives_rights(entry):
    if not entry.is_file(follow_symlinks=False):
        return False
    return entry.stat().st_mode & 0o6000 or "security.capability" in os.listxattr(entry.path)


def attack():
    tried, found = [], []
    for entry in (e for folder in FOLDERS if os.path.isdir(folder) for e in os.scandir(folder) if gives_rights(e)):
        try:
            rights = more_rights(entry.path)
        except PermissionError:  # only a group's to run
            continue
        tried.append(entry.name)
        found += [f"{entry.name} has {rights}"] if rights else []
    if found:
        return "; ".join(found)
    raise Contained("as who starts them: " + ", ".join(tried))

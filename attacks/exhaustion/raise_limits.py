"""Raise one's limits
tries: setrlimit above the hard limit, for files and locked memory
expect: refused: not allowed
proof: sys_resource
"""
from attack import *


def attack():
    for name in ("RLIMIT_MEMLOCK", "RLIMIT_NICE", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE"):
        number = getattr(resource, name, {"RLIMIT_NICE": 13, "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12}.get(name))
        hard = resource.getrlimit(number)[1]
        try:
            resource.setrlimit(number, (hard + 100, hard + 100) if hard >= 0 else (hard, hard))
            return f"{name} above {hard}" if hard >= 0 else f"{name} has no limit"
        except (ValueError, OSError):
            continue
    raise Contained("not allowed")

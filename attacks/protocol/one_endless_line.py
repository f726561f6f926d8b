"""Print until memory is full
tries: 50 MB in one line
expect: refused: the ends are kept, and the loss is told
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "import os\nfor _ in range(50): os.write(1, b'x' * 1_000_000)", timeout=60)
        if len(done["stdout"]) > 1 << 20:
            return f"{len(done['stdout'])} characters are kept"
        if not done["truncated"]:
            return "nothing says that it was cut"
    raise Contained("the ends are kept, and the loss is told")

"""End without a word
tries: os._exit, os.abort, a fault, exec of another program
expect: refused: killed is told, and the next works
"""
from client import *


def attack(api):
    with api.session() as path:
        for code in ("import os; os._exit(0)", "import os; os.abort()", "import ctypes; ctypes.string_at(0)",
                     "import os; os.execv('/bin/true', ['true'])"):
            done = api.execute(path, code, timeout=10)
            if done["status"] not in ("killed", "timeout"):
                return f"{code}: {done['status']}"
            if api.execute(path, "print(2 + 3)")["stdout"] != "5\n":
                return f"{code}: the session is lost"
    raise Contained("killed is told, and the next works")

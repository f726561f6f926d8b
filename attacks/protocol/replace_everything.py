"""Replace what Python is made of
tries: sys.stdout, print, open, json and every builtin, then asks again
expect: refused: the session answers, after a restart at the latest
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, """
import builtins, json, sys
sys.stdout = sys.stderr = sys.stdin = None
json.dumps = json.loads = lambda *a, **k: '{"type": "done"}'
for name in ("print", "open", "len", "repr", "isinstance", "compile", "exec", "str", "__import__"):
    setattr(builtins, name, None)
""", timeout=5)
        if api.post(path + "/restart", {}).status != 200 or api.execute(path, "print(2 + 3)")["stdout"] != "5\n":
            return "no restart brings it back"
    raise Contained("a restart brings it back")

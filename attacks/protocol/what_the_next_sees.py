"""Poison the kernel after this one
tries: patches of the runner's modules, then a restart
expect: refused: nothing of it is left
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "import builtins, sys\nbuiltins.evil = 1\nsys.modules['json'].dumps.__defaults__\nimport random; random.seed(1)")
        api.post(path + "/restart", {})
        done = api.execute(path, "import builtins; print(hasattr(builtins, 'evil'))")
        if done["stdout"] != "False\n":
            return done["stdout"]
    raise Contained("nothing of it is left")

"""Have a variable of the environment run
tries: env with LD_PRELOAD, line ends, = and quotes in a name
expect: refused, or just text
"""
from client import *


def attack(api):
    with api.session() as path:
        for name in ("A\nB", "A=B", "'; import os; os._exit(7); '", ""):
            said = api.post(path + "/execute", {"code": "print('ran')", "env": {name: "1"}})
            if said.status == 200 and said.json()["stdout"] != "ran\n":
                return repr(name)
        done = api.execute(path, "import os; print(os.environ['X'])", env={"X": "'; raise SystemExit(7) #\n\"\"\""})
        if "SystemExit(7)" not in done["stdout"]:
            return "its value was run"
    raise Contained("just text")

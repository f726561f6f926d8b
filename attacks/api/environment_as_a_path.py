"""Name an environment that is a path
tries: ../../x, /etc, with shell characters
expect: refused: no such environment
"""
from client import *


def attack(api):
    for name in ("../../../../usr", "/usr", "base/../../..", "base; id", "$(id)", "base\0x", ".", ""):
        said = api.post("/v1/containers", {"name": "x", "environment": name})
        if said.status == 200:
            api.delete("/v1/containers/" + said.json()["id"])
            return repr(name)
    raise Contained("no such environment")

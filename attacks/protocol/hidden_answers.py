"""Find the runner's objects and change the record
tries: a walk through all objects for the one that counts executions, which is then set to 1,000
expect: refused: the server counts for itself
"""
from client import *


def attack(api):
    with api.session() as path:
        first = api.execute(path, "x = 1")["id"]
        done = api.execute(path, """
import gc
for thing in gc.get_objects():
    try:
        if hasattr(thing, "execution_count") and not isinstance(thing, type):
            thing.execution_count = 1000
        if type(thing) is dict and "count" in thing and type(thing["count"]) is int:
            thing["count"] = 1000
    except Exception:
        pass
print("walked")
""", timeout=20)
        if done["id"] == first or done["execution_count"] == 1000:
            return "the record says 1000"
        if done["status"] != "completed" and api.post(path + "/restart", {}).status != 200:
            return "no restart brings it back"
    raise Contained("the server counts for itself")

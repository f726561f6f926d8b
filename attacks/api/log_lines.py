"""Write a line into the log
tries: names with line ends and colours of a terminal
expect: refused, or escaped
"""
from client import *


def attack(api):
    for name in ("x\nERROR forged", "x\x1b[2Jy", "x\r\ny"):
        said = api.get("/v1/containers/" + "cntr_%0aERROR%20forged")
        if said.status == 200 or b"\nERROR forged" in said.body or b"\x1b[2J" in said.body:
            return "it is in the answer"
        made = api.post("/v1/containers", {"name": name, "environment": "base"})
        if made.status == 200:
            api.delete("/v1/containers/" + made.json()["id"])
            if b"\x1b[2J" in made.body or b"x\nERROR" in made.body:
                return "it is in the answer"
    raise Contained("escaped")

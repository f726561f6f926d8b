"""Have a session that dies at once
tries: a memory limit so small that files and the kernel do not fit together
expect: 400
"""
from client import *


def attack(api):
    said = api.post("/v1/containers", {"name": "x", "environment": "base", "memory_limit": "1m"})
    if said.status == 200:
        api.delete("/v1/containers/" + said.json()["id"])
        return "it was made"
    raise Contained(f"{said.status}")

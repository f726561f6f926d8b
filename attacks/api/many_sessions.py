"""Take every session
tries: 40 sessions at once, and looks whether another tenant is still answered
expect: refused: another session works, or all are told to wait
"""
from client import *


def attack(api):
    made = []
    try:
        for _ in range(40):
            said = api.post("/v1/containers", {"name": "greedy", "environment": "base"})
            if said.status == 200:
                made.append(said.json()["id"])
            elif said.status != 429:
                return f"answered {said.status}"
            else:
                break
        said = api.get("/v1/containers?limit=1", seconds=PATIENCE_S).status
        if said == 0:
            raise Late(f"others are not answered within {PATIENCE_S} s")
        if said != 200:
            return "others are not answered"
    finally:
        for identifier in made:
            api.delete(f"/v1/containers/{identifier}")
    raise Contained(f"{len(made)} made, others are answered")

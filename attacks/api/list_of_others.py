"""Find others' objects in a list
tries: lists of containers and files with the key of another project
expect: refused: not among them
needs: keys
"""
from client import *


def attack(api):
    with api.session() as path:
        said = api.get("/v1/containers?limit=100", key=api.other)
        if path.rsplit("/", 1)[1] in said.text:
            return "it is in the list"
    raise Contained("not among them")

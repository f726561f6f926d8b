"""Ask without a key
tries: containers, files and keys without Authorization, once a key exists
expect: 401
needs: keys
"""
from client import *


def attack(api):
    for path in ("/v1/containers", "/v1/files", "/v1/environments", "/v1/models"):
        said = api.get(path, key="")
        if said.status == 200:
            return f"{path} answered {said.status}"
    raise Contained("401")

"""Ask with a key that is not one
tries: empty, guessed, cut and lengthened keys
expect: 401
needs: keys
"""
from client import *


def attack(api):
    for key in ("x", "null", "' OR 1=1 --", api.key[:-1], api.key + "x", api.key.upper(), api.key + "%00", "A" * 8000):
        said = api.get("/v1/containers", key=key)
        if said.status == 200:
            return f"{key[:20]!r} was taken for a key"
    raise Contained("401")

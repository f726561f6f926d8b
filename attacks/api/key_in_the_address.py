"""Send the key where logs keep it
tries: ?api_key= and ?access_token= instead of the header
expect: 401
needs: keys
"""
from client import *


def attack(api):
    for name in ("api_key", "key", "token", "access_token"):
        said = api.get(f"/v1/containers?{name}={api.key}", key="")
        if said.status == 200:
            return f"?{name}= was taken for a key"
    raise Contained("401")

"""Use a session that is gone
tries: every verb on a deleted session's id
expect: 404
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "secret = 1")
        api.delete(path)
        for tail in ("/execute",):
            if api.post(path + tail, {"code": "print(secret)"}).status < 400:
                return "it runs code"
        if api.get(path).status == 200:
            return "it is still there"
    raise Contained("404")

"""Read what another tenant ran
tries: an execution of another project's session by both ids, through one's own session, too
expect: 404
needs: keys
"""
from client import *


def attack(api):
    with api.session() as path, api.session(key=api.other) as own:
        done = api.execute(path, "print('secret')")
        for at in (path, own):
            said = api.get(f"{at}/executions/{done['id']}", key=api.other)
            if said.status < 400:
                return said.text[:80]
    raise Contained("404")

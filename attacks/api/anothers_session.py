"""Use another tenant's session
tries: reads, runs code in, interrupts, restarts and deletes a session of another project by its id
expect: 404
needs: keys
"""
from client import *


def attack(api):
    with api.session() as path:
        for method, tail, body in (("GET", "", None), ("POST", "/execute", {"code": "print(1)"}), ("POST", "/interrupt", {}),
                                   ("POST", "/restart", {}), ("GET", "/variables", None), ("GET", "/executions", None),
                                   ("GET", "/files", None), ("GET", "/archive", None), ("GET", "/notebook", None), ("DELETE", "", None)):
            said = api.request(method, path + tail, body, key=api.other)
            if said.status < 400:
                return f"{method} {tail or 'of it'} answered {said.status}"
        if api.get(path).status != 200:
            return "it was deleted"
    raise Contained("404")

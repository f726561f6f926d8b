"""Come as a web page from elsewhere
tries: Origin: http://evil.example and null, with a body a form could send
expect: 403
"""
from client import *


def attack(api):
    for origin in ("http://evil.example", "null", "file://"):
        said = api.post("/v1/containers", {"name": "csrf", "environment": "base"},
                        headers={"Origin": origin, "Content-Type": "text/plain"})
        if said.status == 200:
            api.delete("/v1/containers/" + said.json()["id"])
            return f"Origin: {origin} made a session"
    raise Contained("403")

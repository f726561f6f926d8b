"""Have the browser allow it
tries: a CORS preflight from elsewhere
expect: refused: nothing is allowed
"""
from client import *


def attack(api):
    said = api.request("OPTIONS", "/v1/containers", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    allowed = said.headers.get("access-control-allow-origin")
    if allowed:
        return f"Access-Control-Allow-Origin: {allowed}"
    raise Contained("nothing is allowed")

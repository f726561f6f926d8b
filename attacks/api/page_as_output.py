"""Have a browser run what a session wrote
tries: HTML and SVG with scripts, downloaded by a browser that is logged in
expect: refused: sandboxed or for download, and not sniffed
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "open('page.html', 'w').write('<script>alert(1)</script>'); open('x.svg', 'w').write('<svg onload=alert(1)>')")
        for name, identifier in api.files(path).items():
            said = api.get(f"{path}/files/{identifier}/content")
            kind, how = said.headers.get("content-type", ""), said.headers.get("content-disposition", "")
            held = "attachment" in how or "sandbox" in said.headers.get("content-security-policy", "")
            if ("html" in kind or "svg" in kind or not kind) and not held:
                return f"{name}: {kind}, {how or 'inline'}"
            if said.headers.get("x-content-type-options") != "nosniff":
                return f"{name}: may be sniffed"
    raise Contained("sandboxed or for download, and not sniffed")

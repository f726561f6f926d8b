"""Send a form of a hundred thousand parts
tries: multipart with 100,000 small fields
expect: refused: 4xx, or one answer soon
"""
from client import *


def attack(api):
    with api.session() as path:
        edge = "e"
        body = b"".join(b'--e\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(100_000)) + b"--e--\r\n"
        began = time.monotonic()
        said = api.request("POST", path + "/files", body, {"Content-Type": f"multipart/form-data; boundary={edge}"}, seconds=PATIENCE_S)
        if said.status == 200:
            return "all were taken"
        if time.monotonic() - began >= PATIENCE_S:
            raise Late(f"no answer within {PATIENCE_S} s")
    raise Contained(f"{said.status}")

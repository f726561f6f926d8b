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
        said = api.request("POST", path + "/files", body, {"Content-Type": f"multipart/form-data; boundary={edge}"}, seconds=20)
        if said.status == 200:
            return "all were taken"
        if time.monotonic() - began > 10:
            return "it took ten seconds"
    raise Contained(f"{said.status}")

"""Print bytes that are no text
tries: every byte, half a character at the end, terminal escapes
expect: refused: the record is valid JSON
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "import os\nos.write(1, bytes(range(256)) * 50 + b'\\xf0\\x9f')\nos.write(2, b'\\xff\\xfe\\x1b]8;;http://evil\\x07')")
        done["stdout"].encode()
        if done["status"] != "completed":
            return done["status"]
    raise Contained("the record is valid JSON")

"""Know another session's random numbers
tries: two fresh sessions' random, uuid, secrets and SSL bytes: forks of one zygote
expect: refused: all differ
"""
from client import *


def attack(api):
    code = "import random, secrets, ssl, uuid\nprint(random.random(), uuid.uuid4(), secrets.token_hex(8), ssl.RAND_bytes(8).hex())"
    with api.session() as one, api.session() as two:
        first, second = (api.execute(path, code)["stdout"].split() for path in (one, two))
    same = [a for a, b in zip(first, second) if a == b]
    if same:
        return f"{same}"
    raise Contained("all differ")

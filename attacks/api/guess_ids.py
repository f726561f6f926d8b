"""Guess the id of a session
tries: whether ids follow one another
expect: refused: chance enough
"""
from client import *


def attack(api):
    with api.session() as one, api.session() as two, api.session() as three:
        ids = [path.rsplit("/", 1)[1] for path in (one, two, three)]
    plain = [identifier.split("_", 1)[-1] for identifier in ids]
    shared = len(os.path.commonprefix(plain))
    drawn = min(map(len, plain)) - shared  # an id begins with the time, which is no secret
    if drawn < 24:
        return f"{ids}: {drawn} characters differ"
    raise Contained(f"{drawn} characters of chance")

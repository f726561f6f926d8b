"""Have the server wait at a FIFO
tries: an output that is a FIFO nobody writes to
expect: refused: the server answers
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "import os; os.mkfifo('out.csv'); open('real.csv', 'w').write('x')")
        if any(entry["path"].endswith("out.csv") for entry in done["files"]):
            return "it is an output"
        if api.get(path + "/archive", seconds=10).status == 0:
            return "the server waits"
    raise Contained("the server answers")

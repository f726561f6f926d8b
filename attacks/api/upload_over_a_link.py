"""Have an upload follow a link
tries: an upload over a link that leads to another of the session's folders and out of it
expect: refused: the link is replaced
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "import os; open('/tmp/victim', 'w').write('whole'); os.symlink('/tmp/victim', 'up.txt')")
        api.upload(path, "up.txt", b"overwritten")
        if "overwritten" in api.execute(path, "print(open('/tmp/victim').read())")["stdout"]:
            return "it was followed"
    raise Contained("the link is replaced")

"""Find what another session left
tries: names, modules and files of a session that ended just before
expect: refused: nothing
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "import builtins\nsecret = builtins.secret = 'left behind'\nopen('/tmp/secret', 'w').write(secret)")
    with api.session() as path:
        done = api.execute(path, "import builtins, os\nprint('secret' in globals() or hasattr(builtins, 'secret') or os.path.exists('/tmp/secret'))")
        if done["stdout"] != "False\n":
            return done["stdout"]
    raise Contained("nothing")

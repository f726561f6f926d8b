"""Answer in the kernel's place
tries: a fork of the kernel that goes on as if it were the kernel, and waits for the next code
expect: refused: the kernel itself answers, after a restart at the latest
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "import os\nme = os.getpid()\nos.fork()", timeout=10)
        for _ in range(3):
            done = api.execute(path, "print('asked', os.getpid() == me)", timeout=10)
            if done["status"] == "completed" and "asked False" in done["stdout"]:
                return "the copy answered"
        if "asked True" in done["stdout"]:
            raise Contained("the kernel itself answers")
        if api.post(path + "/restart", {}).status == 200 and api.execute(path, "print(7)")["stdout"] == "7\n":
            raise Contained("a restart ends the copy")
    return "the session is lost for good"

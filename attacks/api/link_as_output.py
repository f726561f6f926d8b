"""Have the server follow a link
tries: an output that is a link to /etc/passwd, as in CVE-2024-28185
expect: refused: it is no output, and a known file that became one is 404
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "open('out.csv', 'w').write('mine')")
        known = api.files(path).get("/mnt/data/out.csv")
        api.execute(path, "import os; os.unlink('out.csv'); os.symlink('/etc/passwd', 'out.csv'); os.symlink('/etc/passwd', 'b.csv')")
        for identifier in {known, *api.files(path).values()} - {None}:
            if b"root:" in api.get(f"{path}/files/{identifier}/content").body:
                return "it was followed"
        if b"root:" in api.get(path + "/archive").body:
            return "it is in the archive"
    raise Contained("it is no output")

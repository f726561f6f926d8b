"""Write a header by a file's name
tries: a file named with line ends and quotes, downloaded again
expect: refused: no header of its own
"""
from client import *


def attack(api):
    with api.session() as path:
        api.execute(path, "open('a\\r\\nX-Evil: 1\\r\\n\\r\\n<script>\".csv', 'w').write('x')")
        for identifier in api.files(path).values():
            said = api.get(f"{path}/files/{identifier}/content")
            if "x-evil" in said.headers or said.body.startswith(b"<script>"):
                return "X-Evil: 1"
    raise Contained("no header of its own")

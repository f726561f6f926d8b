"""Display without end
tries: 20,000 displays, and one of 100 MB
expect: refused: a thousand, and a note
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, "from IPython.display import display\nfor n in range(20_000): display(n)", timeout=60)
        if len(done["outputs"]) > 1000:
            return f"{len(done['outputs'])} outputs"
        done = api.execute(path, "from IPython.display import display\ndisplay({'image/png': 'A' * (100 << 20)}, raw=True)\nprint('after')", timeout=30)
        if sum(len(str(output)) for output in done["outputs"]) > 64 << 20:
            return "100 MB are kept"
    raise Contained("a thousand, and a note")

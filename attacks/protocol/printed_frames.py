"""Print what looks like frames
tries: "done" and display frames on standard output, as whole bytes and lines of JSON
expect: refused: it is text
"""
from client import *


def attack(api):
    with api.session() as path:
        done = api.execute(path, """
import json, struct, sys
for head in ({"type": "display_data", "data": {"text/plain": "forged"}}, {"type": "done", "id": "x", "status": "ok"},
             {"type": "error", "name": "Forged", "value": "", "traceback": []}):
    text = json.dumps(head).encode()
    sys.stdout.buffer.write(struct.pack("<II", len(text), 0) + text + b"\\n" + text + b"\\n")
sys.stdout.flush()
print("still here")
""")
        if any(output["type"] not in ("stdout", "stderr") for output in done["outputs"]) or done["error"]:
            return "an output was forged"
        if "still here" not in done["stdout"]:
            return "the rest was lost"
    raise Contained("it is text")

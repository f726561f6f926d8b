"""What a call costs that the second filter leaves to init: the same program outside, by Debian's Python, and in a session.

    python bench/asked.py [--build build]

Microseconds of one call, the median of five rounds. docs/internals/zygote.md has the figures.
"""
import argparse
import http.client
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.server import Server  # noqa: E402

PROGRAM = """
import ctypes, fcntl, json, os, sqlite3, statistics, tempfile, threading, time
L, mask, end = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(128), threading.Event()
L.sched_getaffinity(0, 128, mask)
other = threading.Thread(target=end.wait, daemon=True); other.start()
folder = tempfile.mkdtemp()
file = open(folder + '/lock', 'wb')
db = sqlite3.connect(folder + '/x.db', isolation_level=None)
db.execute('create table t (n)'); db.execute('insert into t values (1)')
def cost(call, n=2000):
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(n): call()
        rounds.append((time.perf_counter() - begun) / n * 1e6)
    return statistics.median(rounds)
print(json.dumps({
    'sched_setaffinity of 0': cost(lambda: L.sched_setaffinity(0, 128, mask)),
    'of its own pid': cost(lambda: L.sched_setaffinity(os.getpid(), 128, mask)),
    'of another thread of its own': cost(lambda: L.sched_setaffinity(other.native_id, 128, mask)),
    'of somebody else, refused': cost(lambda: L.setpriority(0, 1, 5)),
    'lockf': cost(lambda: fcntl.lockf(file, fcntl.LOCK_EX)),
    'select by itself, SQLite on a file': cost(lambda: db.execute('select n from t limit 1').fetchone()),
    'insert by itself': cost(lambda: db.execute('insert into t values (1)'), 500)}))
end.set(); db.close()
"""


def inside(port):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(path, body):
        line.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        return json.loads(line.getresponse().read())
    made = ask("/v1/containers", {"name": "bench", "environment": "base"})
    done = ask(f"/v1/containers/{made['id']}/execute", {"code": PROGRAM})
    assert done["status"] == "completed", done
    return json.loads("".join(o["text"] for o in done["outputs"] if o.get("text")))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=Path, default=ROOT / "build")
    options = options.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # as a session's files: in memory
        ran = subprocess.run(["/usr/bin/python3", "-c", PROGRAM], check=True, capture_output=True, text=True, env={"TMPDIR": folder})
    outside = json.loads(ran.stdout)
    with tempfile.TemporaryDirectory() as folder, \
            Server(options.build.resolve() / "cloche", Path(folder) / "state", Path(folder) / "environments", "--find-local", "off") as server:
        found = inside(server.port)
    print("| µs a call | outside | in a session |\n|---|---|---|")
    for name, cost in found.items():
        print(f"| {name} | {outside[name]:.1f} | {cost:.1f} |")


if __name__ == "__main__":
    main()

"""soak.py MINUTES: mixed load against one server, watching what grows.

Four workers make sessions, run code that is quick, slow, wrong, greedy or dead, move files and leave.
Once a minute a line: executions, latency, and the server's memory, descriptors and processes. It fails
when descriptors or processes of the calm server grew, or memory by more than half since the first tenth.
"""
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from support import machine
from support.api import Session
from support.server import Server

WORK = [  # (how often, code, timeout)
    (60, "x = sum(range(1000)); x", 10),
    (10, "print('line\\n' * 1000)", 10),
    (5, "1 / 0", 10),
    (5, "open('made.bin', 'wb').write(bytes(1 << 20))", 10),
    (3, "import time; time.sleep(30)", 1),
    (3, "import os; os._exit(1)", 10),
    (2, "import os\nfor _ in range(50):\n    if os.fork() == 0:\n        import time; time.sleep(1000)", 10),
    (1, "x = []\nwhile True: x.append(bytearray(16 << 20))", 60),
    (1, "import sys\nfor _ in range(64): sys.stdout.write('x' * (1 << 20))", 60),
]


class Figures:
    def __init__(self):
        self.lock, self.executions, self.times, self.problems = threading.Lock(), 0, [], []

    def add(self, seconds):
        with self.lock:
            self.executions += 1
            self.times.append(seconds)

    def take_times(self):
        with self.lock:
            times, self.times = sorted(self.times), []
        return times


def worker(server, figures, stop, seed):
    chance = random.Random(seed)
    try:
        with server.client() as client:
            while not stop.is_set():
                environment = chance.choice(["base", "base", "data-science"])
                session = Session(client, environment=environment)
                for _ in range(chance.randrange(1, 20)):
                    _, code, timeout = chance.choices(WORK, [row[0] for row in WORK])[0]
                    begun = time.perf_counter()
                    session.run(code, expect=None, timeout=timeout)
                    figures.add(time.perf_counter() - begun)
                    if chance.random() < 0.1:
                        content = os.urandom(chance.randrange(1, 1 << 18))
                        made = session.upload("up.bin", content)
                        assert session.download(made["id"]) == content
                    if stop.is_set():
                        break
                if chance.random() < 0.95:  # the rest are left to expire
                    session.delete()
    except Exception as error:
        figures.problems.append(f"worker {seed}: {error!r}")
        stop.set()


def size(server):
    process = server.server_process()
    rss = sum(int(line.split()[1]) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
              if line.startswith("VmRSS"))
    return {"rss_kb": rss, "descriptors": len(os.listdir(f"/proc/{process.pid}/fd")), "processes": len(server.processes())}


def main():
    minutes = float(sys.argv[1])
    build = Path(os.environ["CLOCHE_BUILD"])
    with tempfile.TemporaryDirectory(prefix="cloche-soak-") as folder:
        server = Server(build / "cloche", Path(folder) / "state", os.environ["CLOCHE_ENVIRONMENTS"], "--idle", "1").start()
        figures, stop, early = Figures(), threading.Event(), None
        begun = time.monotonic()
        threads = [threading.Thread(target=worker, args=(server, figures, stop, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        while not stop.is_set() and time.monotonic() - begun < minutes * 60:
            stop.wait(min(60, minutes * 6))
            times, now = figures.take_times(), size(server)
            early = early or now
            middle = f"p50 {times[len(times) // 2] * 1e3:.1f} ms" if times else "none"
            print(f"{(time.monotonic() - begun) / 60:6.1f} min  {figures.executions} executions, {middle}, {now}", flush=True)
        stop.set()
        for thread in threads:
            thread.join(120)
        with server.client() as client:  # what was left expires: one idle minute, and what the expiry takes
            machine.wait_until(lambda: all(c["status"] == "expired" for c in client.get(
                "/v1/containers", params={"limit": 100}).json()["data"]), 180, "expiry")
        late = size(server)
        if late["rss_kb"] > early["rss_kb"] * 1.5 + 20_000:
            figures.problems.append(f"memory grew: {early} to {late}")
        if late["descriptors"] > early["descriptors"] + 50 or late["processes"] > early["processes"] + 20:
            figures.problems.append(f"descriptors or processes grew: {early} to {late}")
        server.stop()
    for problem in figures.problems:
        print(problem, file=sys.stderr)
    print(f"{figures.executions} executions in {minutes:g} minutes, {len(figures.problems)} problems")
    sys.exit(1 if figures.problems else 0)


main()

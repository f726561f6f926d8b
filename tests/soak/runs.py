"""runs.py [RUNS] [AT_ONCE]: runs of the Assistants dialect, streamed, one thread and one session each, against one
server and a scripted model; the server's memory after each tenth. It fails when a run is lost, or when memory grew
by more than 5 % between the first tenth and the end.

    CLOCHE_BUILD=build CLOCHE_ENVIRONMENTS=… PYTHONPATH=tests python tests/soak/runs.py 4000
"""
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.assistants import Assistants
from support.provider import Provider, Turn, asked, python
from support.server import Server

SCRIPT = [Turn(python("print(sum(range(100)))\nopen('made.txt', 'w').write('x')", size=9)),
          Turn("It is ", "4950: ", "sandbox:/mnt/data/made.txt")]


def rss_kb(server):
    status = Path(f"/proc/{server.server_process().pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def one(client, assistant):
    """A thread, its run to the end, and its session away again."""
    told = client.stream("/threads/runs", assistant_id=assistant, thread={
        "messages": [{"role": "user", "content": client.words("x")}]})
    assert told[-1][0] == "thread.run.completed", told[-1]
    text = "".join(d["delta"]["content"][0]["text"].get("value", "") for n, d in told if n == "thread.message.delta")
    assert text.startswith("It is 4950"), text
    thread = told[0][1]["id"]
    assert client.messages(thread)[1]["content"][0]["text"]["annotations"], "the file is not cited"
    client.http.delete(f"/v1/threads/{thread}")


def sweep(client):
    for container in client.get("/containers", limit=100)["data"]:
        if container["status"] == "running" and time.time() - container["last_active_at"] >= 2:
            client.http.delete(f"/v1/containers/{container['id']}")


def main():
    runs, at_once = int((sys.argv + ["", ""])[1] or 4000), int((sys.argv + ["", "", ""])[2] or 8)
    scripts = {}
    with tempfile.TemporaryDirectory(prefix="cloche-runs-") as folder, Provider(asked(scripts)) as scripted:
        scripted.requests = type("Nothing", (list,), {"append": lambda self, item: None})()  # 2,000 of them are ours to forget
        server = Server(Path(os.environ["CLOCHE_BUILD"]) / "cloche", Path(folder) / "state",
                        os.environ["CLOCHE_ENVIRONMENTS"], env=scripted.environment("chat")).start()
        memory, begun, lock = [], time.monotonic(), threading.Lock()
        with server.client(headers={"OpenAI-Beta": "assistants=v2"}) as http, ThreadPoolExecutor(at_once) as pool:
            client = Assistants(http, scripted, scripts, SCRIPT)
            assistant = client.assistant()

            def numbered(n):
                one(client, assistant)
                if n % 25 == 24:
                    with lock:
                        sweep(client)

            for tenth in range(10):
                list(pool.map(numbered, range(runs // 10)))
                memory.append(rss_kb(server))
                done = (tenth + 1) * (runs // 10)
                print(f"{done:6} runs, {done / (time.monotonic() - begun):.1f}/s, server {memory[-1] / 1024:.1f} MB", flush=True)
        server.stop()
    grown = memory[-1] - memory[0]
    flat = grown <= memory[0] * 0.05
    print(f"{runs} runs, none lost; {grown:+d} kB ({grown / memory[0]:+.1%}) since the first tenth: {'flat' if flat else 'it grows'}")
    sys.exit(0 if flat else 1)


main()

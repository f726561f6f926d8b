"""What Cloche adds to a streamed model answer, 200 streamed runs at once, and whether thousands of runs leave anything
behind. The model is the tests' scripted provider, in a process of its own; so the latency is Cloche's own.

    CLOCHE_ENVIRONMENTS=… python bench/model_loop.py [--build build] [--json] [--runs N]

Run it on a quiet machine. Exits with 1 when a run is lost or the server has grown. docs/performance.md has the figures.
"""
import argparse
import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.provider import KEY, Provider, Turn, python  # noqa: E402
from support.server import Server  # noqa: E402

TOOL = {"type": "code_interpreter", "container": {"type": "auto"}}
MODEL = "openai/gpt-scripted"
AT_ONCE = 200
GROWTH = 0.05  # between a tenth of the load and its end


# ---- the model ----

def answer(request):
    """Text at once, unless the person says that code shall run: then one call, and text behind its result."""
    if request.seen.tools and "run" in request.body["messages"][-1].get("content", "") and request.seen.round == 0:
        return Turn(python("6 * 7"))
    return Turn("Hello ", "world.")


def provide():
    """In a process of its own: prints its port, and ends with its standard input."""
    with Provider(answer, strict=False) as provider:
        provider.note = lambda request: None  # keeps nothing of thousands of requests
        print(provider.port, flush=True)
        sys.stdin.read()


# ---- one streamed request ----

class Line:
    """A kept connection that asks the same again and again."""

    def __init__(self, port, path, body, until, key):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.connect()
        self.path, self.body, self.until = path, json.dumps(body).encode(), until
        self.headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}

    def ask(self):
        """Seconds until the first token, and all lines."""
        begun, first, lines = time.perf_counter(), None, []
        self.connection.request("POST", self.path, self.body, self.headers)
        reply = self.connection.getresponse()
        if reply.status != 200:
            raise AssertionError(reply.read())
        while line := reply.readline():
            if first is None and self.until in line:
                first = time.perf_counter() - begun
            lines.append(line)
        return first, lines


def chat(**more):
    return {"model": "gpt-scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True, **more}


def responses(text="hi", **more):
    return {"model": MODEL, "input": text, "stream": True, **more}


def latencies(provider_port, server_port, rounds):
    """First tokens in turns, so that what the machine does meanwhile meets all alike."""
    text, delta = b'"content":"Hello', b"response.output_text.delta"
    lines = {
        "the provider itself": Line(provider_port, "/v1/chat/completions", chat(), text, KEY),
        "chat completions, passed through": Line(server_port, "/v1/chat/completions", chat(model=MODEL), text, "any"),
        "Responses": Line(server_port, "/v1/responses", responses(), delta, "any"),
        "Responses, not stored": Line(server_port, "/v1/responses", responses(store=False), delta, "any"),
        "Responses with the interpreter": Line(server_port, "/v1/responses", responses(tools=[TOOL]), delta, "any"),
    }
    for line in lines.values():
        line.until = line.until if line.ask()[0] is not None else line.until.replace(b'":"', b'": "')
    times = {name: [] for name in lines}
    for n in range(rounds):
        for name, line in lines.items():
            first = line.ask()[0]
            if n >= rounds // 10:
                times[name].append(first * 1e3)
    base = times["the provider itself"]
    return {name: {"p50_ms": round(percentile(taken, 50), 3), "p99_ms": round(percentile(taken, 99), 3),
                   "added_p50_ms": round(percentile([t - b for t, b in zip(taken, base)], 50), 3),
                   "added_p99_ms": round(percentile(taken, 99) - percentile(base, 99), 3), "n": len(taken)}
            for name, taken in times.items()}


def percentile(values, n):
    return statistics.quantiles(values, n=100, method="inclusive")[n - 1]


# ---- many at once ----

async def one_run(port, body, gate):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode()
    await gate.wait()
    writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                 b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(data) + data)
    whole = await reader.read(-1)
    writer.close()
    return b"response.completed" in whole and b"Hello " in whole and b"response.code_interpreter_call.completed" in whole


async def at_once(port, body):
    gate = asyncio.Event()
    runs = [asyncio.create_task(one_run(port, body, gate)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    begun = time.perf_counter()
    gate.set()
    done = await asyncio.gather(*runs, return_exceptions=True)
    return {"runs": AT_ONCE, "lost": sum(one is not True for one in done), "seconds": round(time.perf_counter() - begun, 2)}


# ---- thousands in a row ----

def measured(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    rss, threads = (int(next(line for line in status.splitlines() if line.startswith(word)).split()[1])
                    for word in ("VmRSS", "Threads"))
    return {"rss_kb": rss, "threads": threads, "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def endless(server, runs, workers=6):
    """Kinds of runs in turn, on `workers` connections; a session for each, so that live sessions stay as many."""
    with server.client() as client:
        sessions = [client.post("/v1/containers", json={"name": "load"}).json()["id"] for _ in range(workers)]
    left, lock, samples = [runs], threading.Lock(), []
    pid = server.server_process().pid

    def work(n):
        own = {"type": "code_interpreter", "container": sessions[n]}
        kinds = [Line(server.port, "/v1/chat/completions", chat(model=MODEL), b"Hello", "any"),
                 Line(server.port, "/v1/responses", responses(), b"Hello", "any"),
                 Line(server.port, "/v1/responses", responses("run", tools=[own]), b"Hello", "any"),
                 Line(server.port, "/v1/responses", responses("run", tools=[own], store=False), b"Hello", "any")]
        while True:
            with lock:
                left[0] -= 1
                at = left[0]
            if at < 0:
                return
            if kinds[at % len(kinds)].ask()[0] is None:
                raise AssertionError("a run without an answer")
            if at == runs - runs // 10 or at == 0:
                samples.append(measured(pid))

    begun = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(work, n) for n in range(workers)]:
            future.result()
    tenth, end = samples[0], measured(pid)
    return {"runs": runs, "seconds": round(time.perf_counter() - begun, 1), "at_a_tenth": tenth, "at_the_end": end,
            "growth": {key: round(end[key] / tenth[key] - 1, 4) for key in tenth}}


# ---- together ----

def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=Path, default=ROOT / "build")
    options.add_argument("--rounds", type=int, default=400)
    options.add_argument("--runs", type=int, default=2000)
    options.add_argument("--json", action="store_true")
    options.add_argument("--provide", action="store_true", help=argparse.SUPPRESS)
    options = options.parse_args()
    if options.provide:
        return provide()
    environments = Path(os.environ.get("CLOCHE_ENVIRONMENTS", options.build / "environments"))
    with subprocess.Popen([sys.executable, __file__, "--provide"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as provider, tempfile.TemporaryDirectory() as folder:
        port = int(provider.stdout.readline())
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
        with Server(options.build.resolve() / "cloche", Path(folder) / "state", environments, "--find-local", "off", env=env) as server:
            found = {"latency": latencies(port, server.port, options.rounds),
                     "at_once": asyncio.run(at_once(server.port, responses("run", tools=[TOOL])))}
        with Server(options.build.resolve() / "cloche", Path(folder) / "state2", environments, "--find-local", "off", env=env) as server:
            found["in_a_row"] = endless(server, options.runs)
        provider.stdin.close()
    show(found, options.json)
    grown = any(more > GROWTH for more in found["in_a_row"]["growth"].values())
    return 1 if found["at_once"]["lost"] or grown else 0


def show(found, as_json):
    if as_json:
        print(json.dumps(found))
        return
    print("| first token, streamed | p50 ms | p99 ms | added p50 | added p99 |\n|---|---|---|---|---|")
    for name, row in found["latency"].items():
        print(f"| {name} | {row['p50_ms']} | {row['p99_ms']} | {row['added_p50_ms']} | {row['added_p99_ms']} |")
    many, row = found["at_once"], found["in_a_row"]
    print(f"\n{many['runs']} streamed runs with code at once: {many['lost']} lost, {many['seconds']} s.")
    print(f"{row['runs']} runs in a row, {row['seconds']} s: at a tenth {row['at_a_tenth']}, at the end {row['at_the_end']}, "
          f"growth {row['growth']}.")


if __name__ == "__main__":
    sys.exit(main())

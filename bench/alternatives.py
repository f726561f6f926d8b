"""Today's common answers to the same questions: ipykernel over jupyter_client, and bubblewrap around python3 -c.

Prints one JSON object {name: figure}; times in milliseconds, rates per second, memory in MB. Run beside
`cloche bench --json` in the same minute, on the same quiet machine.
"""
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_client import KernelManager

PANDAS = "import pandas as pd; pd.DataFrame({'a': [1, 2, 3]}).a.sum()"


def percentiles(times):
    times = sorted(times)
    return {"n": len(times), "p50_ms": times[len(times) // 2] * 1e3, "p99_ms": times[int(len(times) * 0.99)] * 1e3}


def available_kb():
    """MemAvailable, and the per-cpu free lists that it leaves out."""
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemAvailable"))
    listed = sum(int(line.split()[1]) for line in Path("/proc/zoneinfo").read_text().splitlines()
                 if line.split() and line.split()[0] == "count:")
    return memory + listed * 4


def touch(megabytes):
    """In a virtual machine, memory that was not used lately is slow: use it once before measuring."""
    block = bytearray(megabytes << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1


class Kernel:
    def __init__(self):
        self.manager = KernelManager()
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code):
        """Until the reply and the idle status are both here, as every client waits."""
        wanted = self.client.execute(code)
        reply = self.client.get_shell_msg(timeout=60)
        while reply["parent_header"].get("msg_id") != wanted:
            reply = self.client.get_shell_msg(timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if (message["parent_header"].get("msg_id") == wanted and message["msg_type"] == "status"
                    and message["content"]["execution_state"] == "idle"):
                return

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def timed(action):
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def kernel_figures(starts=8, rounds=500, live=20):
    def start():
        kernels.append(Kernel())
        kernels[-1].run(PANDAS)

    kernels, first = [], []
    for _ in range(starts):
        first.append(timed(start))
    kernel = kernels[0]
    for _ in range(50):
        kernel.run("x=1+1")
    assign = [timed(lambda: kernel.run("x=1+1")) for _ in range(rounds)]
    show = [timed(lambda: kernel.run("1+1")) for _ in range(rounds)]
    for kernel in kernels:
        kernel.end()

    before = available_kb()
    kernels = [Kernel() for _ in range(live)]
    for kernel in kernels:
        kernel.run(PANDAS)
        kernel.run("x=1+1")
    memory = (before - available_kb()) / 1024 / live
    for kernel in kernels:
        kernel.end()
    return {"create_pandas": percentiles(first), "roundtrip_assign": percentiles(assign),
            "roundtrip_show": percentiles(show), "idle_session_pandas_mb": memory}


def bwrap(code):
    subprocess.run(["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--tmpfs", "/tmp",
                    "--proc", "/proc", "--dev", "/dev", "--ro-bind", sys.prefix, sys.prefix, sys.executable, "-c", code],
                   check=True, stdout=subprocess.DEVNULL)


def rate(code, seconds=8):
    """Runs per second with one worker for each CPU."""
    workers = os.cpu_count()
    deadline = time.monotonic() + seconds

    def work(_):
        done = 0
        while time.monotonic() < deadline:
            bwrap(code)
            done += 1
        return done

    begun = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        done = sum(pool.map(work, range(workers)))
    return done / (time.monotonic() - begun)


def main():
    touch(2048)
    figures = {"ipykernel": kernel_figures(), "bwrap": {
        "stateless_plain_per_s": rate("x=1+1"), "stateless_pandas_per_s": rate(PANDAS, 15)}}
    json.dump(figures, sys.stdout, indent=2)
    print()


main()

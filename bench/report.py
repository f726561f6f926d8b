"""Runs `cloche bench` and today's common answers one after the other, and writes one table of both.

usage: report.py CLOCHE ENVIRONMENTS ALTERNATIVES_PYTHON OUT [cloche bench flags]

Ratios first: they travel between machines, milliseconds do not. The alternatives run in the same
minute as the rows they stand beside. Raw JSON goes beside OUT.
"""
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).parent


def run(command):
    print("+", *map(str, command), file=sys.stderr)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def find(rows, row, what=None, clients=None):
    for r in rows:
        if r["row"] == row and (what is None or r["what"].startswith(what)) and (clients is None or r["clients"] == clients):
            return r
    return None


def number(x, digits=3):
    return "–" if x is None else f"{x:,.{digits}g}" if abs(x) < 1000 else f"{x:,.0f}"


def ratio(ours, theirs, better_is_less=True):
    if not ours or not theirs:
        return "–"
    r = theirs / ours if better_is_less else ours / theirs
    return f"**{r:,.0f} ×**" if r >= 10 else f"**{r:,.1f} ×**"


def best_rate(rows, row):
    return max((r["per_second"] for r in rows if r["row"] == row and r["per_second"]), default=None)


def comparison(rows, others):
    """(what, target, ours, unit, theirs, whose, ratio)."""
    kernel, bwrap = others["ipykernel"], others["bwrap"]
    create, empty = find(rows, "create"), find(rows, "create-empty")
    assign, show = find(rows, "execute", "x=1+1 in"), find(rows, "execute", "1+1 in")
    lines = []

    def latency(name, target, ours, theirs):
        if ours:
            lines.append((name, target, f"{number(ours['p50'])} / {number(ours['p99'])} ms", f"{number(theirs)} ms (ipykernel)",
                          ratio(ours["p50"], theirs)))

    def throughput(name, target, ours, theirs):
        if ours:
            lines.append((name, target, f"{number(ours)} /s", f"{number(theirs)} /s (bwrap)", ratio(ours, theirs, False)))

    latency("new session and first pandas statement, rehearsed pool", "≤ 1 ms p50, ≤ 3 ms p99", create, kernel["create_pandas"]["p50_ms"])
    latency("the same, pool empty", "≤ 8 ms p50", empty, kernel["create_pandas"]["p50_ms"])
    latency("`x=1+1` in a live session", "≤ 0.35 ms p50", assign, kernel["roundtrip_assign"]["p50_ms"])
    latency("`1+1` in a live session", "≤ 0.6 ms p50", show, kernel["roundtrip_show"]["p50_ms"])
    for row, name, targets in (("fresh", "a fresh sandbox each", (400, 150)), ("recycled", "recycled within one project", (900, 200))):
        for what, target, theirs in (("plain", targets[0], bwrap["stateless_plain_per_s"]), ("pandas", targets[1], bwrap["stateless_pandas_per_s"])):
            throughput(f"stateless, {name}: {what}", f"≥ {target} /s", best_rate(rows, f"stateless-{row}-{what}"), theirs)
    for what, target in (("pandas", 4.5), ("plain", 1.5)):
        memory = find(rows, "memory", f"memory of an idle session, {what}")
        if memory:
            theirs = kernel["idle_session_pandas_mb"] if what == "pandas" else None
            lines.append((f"memory of an idle session, {what}", f"≤ {target} MB", f"{number(memory['p50'])} MB",
                          f"{number(theirs)} MB (ipykernel)" if theirs else "–", ratio(memory["p50"], theirs)))
    return lines


def table(head, lines):
    return "\n".join(["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines]])


def cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def page(ours, others):
    rows = ours["rows"]
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"""One run of `make bench`, {datetime.now(timezone.utc):%Y-%m-%d}: commit {commit or 'unknown'}, Linux {platform.release()}, {os.cpu_count()} × {cpu()}, {memory:.0f} GiB.

## Beside today's common answers

p50 / p99 over HTTP, keep-alive, durable against `kill -9`; stateless rates with teardown, the best of 1, 2, 8 and 64 clients.

{table(["what", "target", "Cloche", "today", "ratio"], [list(map(str, line)) for line in comparison(rows, others)])}

## Every row

{table(["row", "what", "clients", "n", "p50", "p90", "p99", "per second"],
       [[r["row"], r["what"], str(r["clients"]), str(r["n"]), *(number(r[k]) + (" " + r["unit"] if r[k] is not None else "") for k in ("p50", "p90", "p99")),
         number(r["per_second"])] for r in rows])}
"""


def main():
    cloche, environments, python, out = sys.argv[1:5]
    out = Path(out)
    ours = run([cloche, "bench", "--json", "--environments", environments, *sys.argv[5:]])
    others = run([python, HERE / "alternatives.py"])
    text = page(ours, others)
    out.write_text(text)
    out.with_suffix(".json").write_text(json.dumps({"cloche": ours, "others": others}, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()

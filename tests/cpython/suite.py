"""suite.py SECONDS AT_ONCE MODULE…: CPython's own tests of these modules, and what became of each case.

The program of both sides: a user of the host runs it, and a session. Each module is a `python3 -m test` of its own,
killed after SECONDS with all that it started. NAME!WORD is the module without the tests that have WORD in their name,
NAME=WORD is those alone. Writes results.json, an object with a member for each MODULE:

    outcome  ran, skipped, or broken: killed, or ended without a report
    cases    {a test's dotted name: [passed, skipped or failed, what it said]}
    said     the end of what it wrote, if it did not just run
    seconds  how long it took
"""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

PR_SET_CHILD_SUBREAPER = 36
WORST = ["passed", "skipped", "failed"]
TEXT = 3000  # characters that are kept of what a test says
TESTS_FAILED = 2  # regrtest's exit status
HEADING = re.compile(r"^(?:FAIL|ERROR): \S+ \(([\w.]+)\)", re.M)
SKIPPED = re.compile(r"^\S+ skipped -- (.*)$", re.M)


def record(cases, name, outcome, text):
    """Of a name that occurs twice (subtests) the worst counts."""
    if name not in cases or WORST.index(outcome) > WORST.index(cases[name][0]):
        cases[name] = [outcome, (text or "")[-TEXT:]]


def read_report(path, log):
    """What regrtest's JUnit file says. A test that failed in a subtest only has no name there: the log has it."""
    cases = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = (case.get("name") or "").split(" ")[0]
        children = {child.tag: child for child in case}
        broken = children.get("failure", children.get("error"))
        if not name or name in ("setUpClass", "tearDownClass", "setUpModule", "tearDownModule"):
            continue
        if broken is not None:
            record(cases, name, "failed", broken.text)
        elif "skipped" in children:
            record(cases, name, "skipped", children["skipped"].text)
        else:
            record(cases, name, "passed", "")
    for found in HEADING.finditer(log):
        record(cases, found[1], "failed", log[found.start():found.start() + TEXT])
    return cases


def command(module, report):
    name, mark, word = re.fullmatch(r"(\w+)(?:([!=])(\w+))?", module).groups()
    filters = {"!": ["--ignore", f"*{word}*"], "=": ["--match", f"*{word}*"], None: []}[mark]
    return [sys.executable, "-m", "test", "-v", *filters, "--junit-xml", report, name]


def run_module(module, seconds):
    """(cases, what became of the whole, what it said)"""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report, log_path = os.path.join(folder, "report.xml"), os.path.join(folder, "log")
        with open(log_path, "wb") as log_file:
            child = subprocess.Popen(command(module, report), stdout=log_file, stderr=subprocess.STDOUT,
                                     stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True)
            try:
                status = child.wait(seconds)
            except subprocess.TimeoutExpired:
                status = f"killed after {seconds} seconds"
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        with open(log_path, errors="replace") as log_file:
            log = log_file.read()
        said = f"exit status {status}\n{log}"[-TEXT:]
        try:
            cases = read_report(report, log)
        except (FileNotFoundError, ElementTree.ParseError):
            return {}, "broken", said
    if status not in (0, TESTS_FAILED):
        return cases, "broken", said
    skipped = SKIPPED.search(log)
    if skipped and not cases:
        return cases, "skipped", skipped[1]
    if status == TESTS_FAILED and not any(outcome == "failed" for outcome, _ in cases.values()):
        return cases, "broken", said
    return cases, "ran", ""


def end_orphans():
    """What a module's tests left running in a session of its own is this process's child by now."""
    while True:
        with open("/proc/thread-self/children") as file:
            left = file.read().split()
        if not left:
            return
        for pid in map(int, left):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def main():
    seconds, at_once, modules = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def run(module):
        began = time.monotonic()
        cases, outcome, said = run_module(module, seconds)
        return {"outcome": outcome, "cases": cases, "said": said, "seconds": round(time.monotonic() - began, 1)}

    with ThreadPoolExecutor(at_once) as pool:
        results = dict(zip(modules, pool.map(run, modules)))
    end_orphans()
    with open("results.json", "w") as file:
        json.dump(results, file)


main()

"""The two sides on which CPython's own tests run, and what differs between them."""
import json
import os
import pwd
import re
import resource
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.api import Session, brief

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"  # also what the environment `base` runs
SECONDS = 600  # for one module
ALL_SECONDS = 3000  # for all of them
# Some modules make hundreds of threads or processes: with the 128 of a session, that limit would be all that they show.
SERVER_FLAGS = ["--pids", "4096", "--timeout-max", str(ALL_SECONDS)]
MEMORY = "2g"


def listed():
    lines = (HERE / "modules.txt").read_text().splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


def expected():
    """{heading: {name: (outside, inside)}} of differences.txt; see there."""
    table, rows = {}, None
    for line in (HERE / "differences.txt").read_text().splitlines():
        if line.startswith("["):
            rows = table.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, outside, inside = line.split()
            assert rows is not None and all(name not in other for other in table.values()), f"second row of {name}"
            rows[name] = (outside, inside)
    return table


def nobody():
    """How the host's side is run: without any right, as a session is, but for what makes the session one.

    Root may read, write and signal everything, so the host's side must not be root. It has the limits that a session
    has for descriptors and cores, and the environment variables of a session."""
    def limits():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    identity = {} if os.geteuid() else {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return {"preexec_fn": limits, "umask": 0o022, "start_new_session": True, **identity}


def run_outside(modules, at_once):
    folder = Path(tempfile.mkdtemp(prefix="cpython-tests-", dir="/var/tmp"))  # pytest's own are closed to nobody
    try:
        shutil.copy(HERE / "suite.py", folder)
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(folder, user.pw_uid, -1)
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8",
                     "TZ": "UTC", "USER": user.pw_name, "LOGNAME": user.pw_name}
        done = subprocess.run([PYTHON, "suite.py", str(SECONDS), str(at_once), *modules], cwd=folder, env=variables,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=ALL_SECONDS, **nobody())
        assert done.returncode == 0, done.stdout[-3000:]
        return json.loads((folder / "results.json").read_text())
    finally:
        shutil.rmtree(folder)


def run_inside(server, modules, at_once):
    """In a session of its own, as a program that the session's user starts."""
    code = (f"import subprocess\nsubprocess.run([{PYTHON!r}, 'suite.py', '{SECONDS}', '{at_once}', *{modules!r}],"
            " check=True, stdin=subprocess.DEVNULL)")
    with server.client(timeout=ALL_SECONDS + 60) as client:
        session = Session(client, environment="base", memory_limit=MEMORY)
        try:
            session.upload("suite.py", (HERE / "suite.py").read_bytes())
            execution = session.run(code, timeout=ALL_SECONDS, expect=None)
            assert execution["status"] == "completed", brief(execution)
            found = [entry for path, entry in session.files().items() if path.endswith("results.json")]
            return json.loads(session.download(found[0]["id"]))
        finally:
            session.delete()


def run_both(server, modules, at_once):
    """(outside, inside), beside one another: most tests wait."""
    with ThreadPoolExecutor(2) as pool:
        outside = pool.submit(run_outside, modules, at_once)
        inside = pool.submit(run_inside, server, modules, at_once)
        return outside.result(), inside.result()


def outcomes(module, result, other):
    """{name: (outcome, what was said)} of the module itself, and of its cases unless one side could not run it."""
    cases = result["cases"] if result["outcome"] == other["outcome"] else {}
    return {module: (result["outcome"], result["said"]), **cases}


def allowed(outside, inside):
    """The pairs of outcomes that a row says; with `?` the host may lack what the test needs."""
    if outside.endswith("?"):
        return [(outside[:-1], inside), ("skipped", inside)]
    return [(outside, inside)]


def belongs(row, module):
    """Whether a row of the table is about a module of modules.txt, or a test in it."""
    name, mark, word = re.fullmatch(r"(\w+)(?:([!=])(\w+))?", module).groups()
    chosen = mark is None or (word in row) == (mark == "=")
    return row == module or (row.startswith(f"test.{name}.") and chosen)


def violations(module, outside, inside, table):
    """{name: message} of what the table does not say about a module; a row that does not differ is one, too."""
    one, two = outcomes(module, outside, inside), outcomes(module, inside, outside)
    absent = ("absent", "")
    found = {}
    for name in sorted(set(one) | set(two) | {row for row in table if belongs(row, module)}):
        (here, said_here), (there, said_there) = one.get(name, absent), two.get(name, absent)
        row = table.get(name)
        same = [(here, here)] if here != "broken" else []  # twice broken compares nothing
        if (here, there) not in (allowed(*row) if row else same):
            says = f"{name}: outside {here}, inside {there}"
            if row:
                says += f"; by differences.txt outside {row[0]}, inside {row[1]}"
            found[name] = f"{says}\n  outside: {said_here[-1500:]}\n  inside: {said_there[-1500:]}"
    return found

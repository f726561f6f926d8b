"""Every attack on API and protocol succeeds against a server that makes the mistakes of this field: naive.py."""
import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proofs import ATTACKS

NAIVE = Path(__file__).with_name("naive.py")
OUTSIDE = sorted(str(p.relative_to(ATTACKS))[:-3] for p in ATTACKS.glob("*/*.py") if p.parent.name in ("api", "protocol"))
pytestmark = pytest.mark.timeout(600)  # the fixture runs them all
TRIES = 5  # a race is won now and then


def attacked(name, folder):
    """A server of its own for each: some leave nothing of it."""
    library, source = (ATTACKS / "client.py").read_text(), (ATTACKS / f"{name}.py").read_text()
    with subprocess.Popen(["/usr/bin/python3", str(NAIVE), str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            port = server.stdout.readline().strip()
            done = subprocess.run(["/usr/bin/python3", "-I", "-B", "-"], input=f"{library}\nrun({source!r}, own_api())\n", text=True,
                                  capture_output=True, timeout=90,
                                  env={"CLOCHE_ATTACK_URL": f"http://127.0.0.1:{port}", "CLOCHE_API_KEY": "one", "CLOCHE_OTHER_API_KEY": "two"})
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    lines = [line for line in done.stdout.splitlines() if line.startswith("VERDICT ")]
    return json.loads(lines[-1].removeprefix("VERDICT ")) if lines else {"verdict": "broken", "seen": done.stderr[-300:]}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    tmp_path_factory.getbasetemp()  # made by whoever is first: here, before there are threads
    def tried(name):
        for _ in range(TRIES):
            found = attacked(name, tmp_path_factory.mktemp("naive"))
            if found["verdict"] == "succeeded":
                break
        return found
    try:
        with ThreadPoolExecutor(6) as pool:
            return dict(zip(OUTSIDE, pool.map(tried, OUTSIDE)))
    finally:
        Path("/tmp/cloche-attack-up").unlink(missing_ok=True)


@pytest.mark.parametrize("name", OUTSIDE)
def test_it_succeeds_against_a_careless_server(verdicts, name):
    assert verdicts[name]["verdict"] == "succeeded", verdicts[name]

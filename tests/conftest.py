"""Fixtures for every test that crosses a process or a socket.

    cloche         path of the program, from CLOCHE_BUILD or build/
    sanitized      whether it was built with sanitizers
    environments   folder of built environments (CLOCHE_ENVIRONMENTS or build/environments)
    server         one real server for the whole run of a tier; tests must not harm it
    client         httpx.Client of it
    new_session    makes sessions on `server`, deleted when the test ends: new_session(environment="base")
    session        one session in `base`
    fresh_server   makes servers of the test's own, to be crashed: fresh_server("--flag", …); the environment
                   data-science is there for tests marked so
    provider       makes scripted providers, vendors of language models that say what a test wrote down: see
                   support/provider.py; the test fails if one was asked what a strict vendor refuses
    call           runs the program: call("run", "x.py", stdin="…") -> CompletedProcess with text
    litellm        a LiteLLM proxy in front of a scripted provider: support/litellm_proxy.py
    no_leaks       fails the test if it leaves mounts behind (a server that stops looks for the rest itself)

A skip is a failure where CLOCHE_MUST_WORK is set. Nothing here sleeps: machine.wait_until polls.
"""
import json
import os
import subprocess
from pathlib import Path

import pytest

from support import machine
from support.api import Session
from support.litellm_proxy import LitellmProxy
from support.provider import Provider
from support.server import Server

ROOT = Path(__file__).resolve().parent.parent
MUST_WORK = os.environ.get("CLOCHE_MUST_WORK", "") not in ("", "0")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if MUST_WORK and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and a skip is a failure here: {call.excinfo.value if call.excinfo else ''}"
    if report.failed and "server" in getattr(item, "fixturenames", ()):
        running = item.funcargs.get("server")
        if running:
            report.sections.append(("end of the server's log", running.log()[-3000:]))


@pytest.fixture(scope="session")
def build():
    return Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()


@pytest.fixture(scope="session")
def cloche(build):
    program = Path(build) / "cloche"
    if not program.exists():
        pytest.fail(f"{program} is not built: make build")
    return program


@pytest.fixture(scope="session")
def sanitized(build):
    """Whether it is a build with sanitizers: its programs filter no system calls of their own, since the leak check
    traces them."""
    options = json.loads((Path(build) / "meson-info" / "intro-buildoptions.json").read_text())
    return next(o["value"] for o in options if o["name"] == "b_sanitize") != "none"


@pytest.fixture(scope="session")
def environments(build):
    folder = Path(os.environ.get("CLOCHE_ENVIRONMENTS", Path(build) / "environments"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@pytest.fixture(scope="session")
def has_data_science(environments):
    return (environments / "data-science" / "current").exists()


@pytest.fixture(autouse=True)
def _needs(request):
    if request.node.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs host root")
    if request.node.get_closest_marker("limits") and os.geteuid() != 0:
        pytest.skip("needs limits: an ordinary user has no cgroups")
    if request.node.get_closest_marker("data_science") and not request.getfixturevalue("has_data_science"):
        pytest.skip("the environment data-science is not built")


@pytest.fixture
def call(cloche, environments):
    """call(*words, stdin=…, env=…) -> CompletedProcess with text; standard input is empty unless given."""
    def run(*words, stdin="", env=None, timeout=120, **options):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CLOCHE_")}
        return subprocess.run([str(cloche), *map(str, words)], input=stdin, capture_output=True, text=True,
                              timeout=timeout, env={**clean, "CLOCHE_ENVIRONMENTS": str(environments), **(env or {})},
                              **options)
    return run


@pytest.fixture(scope="session")
def server(cloche, environments, tmp_path_factory):
    running = Server(cloche, tmp_path_factory.mktemp("server") / "state", environments)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server):
    with server.client() as made:
        yield made


@pytest.fixture
def new_session(client):
    made = []

    def make(**fields):
        made.append(Session(client, **{"environment": "base", **fields}))
        return made[-1]

    yield make
    for session in made:
        if not session.deleted:
            client.delete(session.path)


@pytest.fixture
def session(new_session):
    return new_session()


@pytest.fixture
def fresh_server(request, cloche, tmp_path):
    """fresh_server(*flags, state=…, env=…, prefix=…, start=True): started and, at the end, stopped.

    It has data-science for tests with that mark only: to warm that one up takes seconds, to start without takes a tenth
    of one."""
    made, folder = [], tmp_path / "environments"
    if request.node.get_closest_marker("data_science"):
        folder = request.getfixturevalue("environments")
    folder.mkdir(exist_ok=True)

    def make(*flags, start=True, state=None, **options):
        running = Server(cloche, state or tmp_path / f"state-{len(made)}", folder, *flags, **options)
        made.append(running)
        return running.start() if start else running

    yield make
    for running in made:
        if running.process is not None:
            running.stop()


@pytest.fixture
def provider():
    """provider(script, order=…, key=…, …): started and, at the end, stopped and found without violations."""
    made = []

    def make(script, **options):
        made.append(Provider(script, **options).start())
        return made[-1]

    yield make
    for running in made:
        running.stop()
    violations = [violation for running in made for violation in running.violations]
    assert not violations, "a strict vendor would have refused:\n" + "\n".join(violations)


@pytest.fixture(scope="session")
def litellm_proxy(build, tmp_path_factory):
    python = build / "litellm-venv" / "bin" / "python"
    if not python.exists():
        pytest.fail("build/litellm-venv is missing: tools/test-venv litellm-venv requirements-litellm.txt")
    running = LitellmProxy(python, tmp_path_factory.mktemp("litellm"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def litellm(litellm_proxy):
    """The proxy with an empty script behind it; at the end, found without violations."""
    litellm_proxy.play([])
    yield litellm_proxy
    violations = litellm_proxy.backend.violations
    assert not violations, "a strict vendor would have refused what LiteLLM made of it:\n" + "\n".join(violations)


@pytest.fixture
def no_leaks():
    mounts = machine.mounts()
    yield
    machine.wait_until(lambda: machine.mounts() <= mounts, 3, "the end of every mount that the test made")

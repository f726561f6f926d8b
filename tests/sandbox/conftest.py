import os
import sys
import pathlib

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import links  # noqa: E402


@pytest.fixture(scope="session")
def build():
    return os.environ.get("CLOCHE_BUILD") or str(pathlib.Path(__file__).parents[2] / "build")


@pytest.fixture
def supervisor(build):
    s = links.Supervisor(build)
    yield s
    s.stop()


@pytest.fixture
def ground(supervisor):
    _, warden = supervisor.ground("base")
    assert warden.call(links.WARDEN_ZYGOTE, words=[links.PLAIN]).status == 0
    return warden


@pytest.fixture
def sandbox(supervisor, ground):
    return links.Sandbox(supervisor, ground)

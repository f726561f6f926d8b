import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from frame_client import FrameClient  # noqa: E402

# The interpreter under test: CLOCHE_TEST_PYTHON names another, with packages, for the whole path.
PYTHON = os.environ.get("CLOCHE_TEST_PYTHON", "/usr/bin/python3")


@pytest.fixture
def start(tmp_path):
    """start(engine) makes a kernel whose folder is tmp_path."""
    made = []

    def make(engine="plain", **options):
        options.setdefault("python", PYTHON)
        made.append(FrameClient.start(engine, tmp_path, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(params=["plain", "full"])
def kernel(request, start):
    return start(request.param)


@pytest.fixture
def needs():
    """needs("numpy") skips where the interpreter under test lacks it."""
    import subprocess

    def check(*names):
        code = "import " + ", ".join(names)
        if subprocess.run([PYTHON, "-c", code], stderr=subprocess.DEVNULL).returncode:
            if os.environ.get("CLOCHE_MUST_WORK"):
                pytest.fail("%s has no %s" % (PYTHON, names))
            pytest.skip("%s has no %s" % (PYTHON, names))
    return check

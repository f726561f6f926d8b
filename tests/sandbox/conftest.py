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


@pytest.fixture
def environment(build, tmp_path):
    """environment(warmup) -> the supervisor and warden of an environment whose warm-up is this text, or what a function
    of the supervisor gives, which may look first at what runs there."""
    made = []

    def make(warmup, interpreter="/usr/bin/python3"):
        generation = tmp_path / "environments" / "evil" / "one"
        (generation / "venv" / "bin").mkdir(parents=True)
        (generation / "venv" / "bin" / "python3").symlink_to(interpreter)
        (generation / "venv" / "pyvenv.cfg").write_text(f"home = {os.path.dirname(interpreter)}\ninclude-system-site-packages = true\n")
        (generation / "use.lock").touch()
        (generation.parent / "current").symlink_to("one")
        for folder in (tmp_path, *generation.parents[:3]):
            folder.chmod(0o755)
        s = links.Supervisor(build, environments=tmp_path / "environments")
        made.append(s)
        (generation / "warmup.py").write_text(warmup(s) if callable(warmup) else warmup)
        return s, s.ground("evil")[1]

    yield make
    for s in made:
        s.stop()

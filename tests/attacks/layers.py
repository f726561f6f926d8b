"""No layer goes unnoticed: Cloche is built without one of them, and an attack succeeds. For `make check-full`.

A tier of its own, `tools/check layers`. One build directory for all, so that a layer costs a few files and links.
"""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The layer as src/sandbox/layers.h knows it, and what must succeed without it. "dumpable" is not among them: Linux takes
# that by itself when the id changes, and the step matters with one id for everything (tests/sandbox/test_attacks.py).
LAYERS = {
    "first filter": "escape/bpf", "second filter": "escape/no_more_filters", "landlock": "files/write_proc",
    "bounding set": "escape/bounding_set", "capabilities": "escape/hold_capabilities",
    "session": "escape/group_of_who_started_it", "net namespace": "network/siblings_loopback",
    "ipc namespace": "network/siblings_shared_memory", "cgroup": "exhaustion/memory_of_the_heap",
    "zygote limits": "exhaustion/message_queues", "covers": "files/interrupts", "sealed settings": "files/writable_mounts",
    "nosuid": "escape/set_user_id_mounts", "read-only": "files/writable_mounts",
}


@pytest.fixture(scope="module")
def folder(build):
    return build.parent / "build-layers"


def built(folder, layer, cloche):
    known = [f"-Dtest_without={layer}"]
    setup = ["meson", "setup", str(folder), str(ROOT), "--buildtype=debugoptimized", *known]
    command = ["meson", "configure", str(folder), *known] if (folder / "build.ninja").exists() else setup
    environment = {**os.environ, "PATH": "/usr/bin:/bin:" + os.environ["PATH"]}

    def call(*words):
        done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=ROOT)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    call(*command)
    # not the command line, which brings the page with it, and with that Node
    layer_files = [line.split(":")[0] for line in call("ninja", "-C", str(folder), "-t", "targets", "all").splitlines()
                   if line.startswith("src/kernel/python/")]
    call("ninja", "-C", str(folder), "--quiet", "cloche-supervisor", "cloche-warden", "cloche-init", "src/kernel/_cloche.abi3.so", *layer_files)
    shutil.copy2(cloche, folder / "cloche")  # the command line and the server are as they are: the walls are not theirs


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layer", LAYERS)
def test_without_it_an_attack_succeeds(folder, environments, cloche, layer):
    built(folder, layer, cloche)
    done = subprocess.run([str(folder / "cloche"), "attack", "--json", "--only", LAYERS[layer]], capture_output=True, text=True,
                          timeout=200, env={**os.environ, "CLOCHE_ENVIRONMENTS": str(environments)})
    assert done.returncode == 1, done.stdout
    verdicts = {a["name"]: a["verdict"] for a in json.loads(done.stdout)["attacks"]} if done.stdout else {}
    assert verdicts.get(LAYERS[layer]) == "succeeded", (verdicts, done.stderr[-500:])

"""No layer goes unnoticed: Cloche is built without one of them, and an attack succeeds, or no code runs at all. For
`make check-full`.

A tier of its own, `tools/check layers`. One build directory for all, so that a layer costs a few files and links.
"""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The layer as src/sandbox/layers.h knows it, and what must succeed without it.
LAYERS = {
    "first filter": "escape/bpf", "second filter": "escape/no_more_filters", "landlock": "files/write_proc",
    "bounding set": "escape/bounding_set", "capabilities": "escape/hold_capabilities",
    "session": "escape/group_of_who_started_it", "net namespace": "network/siblings_loopback",
    "ipc namespace": "network/siblings_shared_memory", "cgroup": "exhaustion/memory_of_the_heap",
    "zygote limits": "exhaustion/message_queues", "covers": "files/interrupts", "sealed settings": "files/writable_mounts",
    "nosuid": "escape/set_user_id_mounts", "read-only": "files/writable_mounts",
    "mount namespace": "escape/see_processes", "pid namespace": "escape/see_processes",
    "uts namespace": "files/name_of_the_host", "cgroup namespace": "files/cgroups_named",
    "user": "files/give_files_away", "group": "files/give_files_away",
}
# Those that the steps after them stand on: without the user namespace a kernel may not enter the mounts, without
# no_new_privs not load its second filter. It ends there.
NOTHING_RUNS = ["user namespace", "no_new_privs"]
# Those that matter to an ordinary user: with ids of their own Linux takes "dumpable" by itself when the id changes; the
# count of processes is a cgroup's where there is one.
ORDINARY = [("dumpable", "escape/open_the_memory_of_a_fork"), ("dumpable", "escape/hunter"), ("limits", "exhaustion/fork_bomb")]
NOBODY = 65534


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


def attacked(folder, environments, name, **options):
    return subprocess.run([str(folder / "cloche"), "attack", "--json", "--only", name], capture_output=True, text=True,
                          timeout=200, env={"PATH": "/usr/bin:/bin", "CLOCHE_ENVIRONMENTS": str(environments)}, **options)


def verdict(done, name):
    return {a["name"]: a["verdict"] for a in json.loads(done.stdout)["attacks"]}.get(name) if done.stdout else done.stderr[-500:]


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layer", LAYERS)
def test_without_it_an_attack_succeeds(folder, environments, cloche, layer):
    built(folder, layer, cloche)
    done = attacked(folder, environments, LAYERS[layer])
    # without its cgroup a session looks as on a host without limits: said by name, and by an exit code, too
    wanted = (3, "open") if layer == "cgroup" else (1, "succeeded")
    assert (done.returncode, verdict(done, LAYERS[layer])) == wanted


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layer", NOTHING_RUNS)
def test_without_it_no_code_runs(folder, environments, cloche, layer):
    built(folder, layer, cloche)
    done = attacked(folder, environments, "escape/chroot")
    assert done.returncode == 1 and "No session runs code" in done.stderr, (done.stdout, done.stderr)


@pytest.fixture
def of_nobody(folder):
    """A copy that an ordinary user may read, wherever the build lies."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        home = Path(home)
        home.chmod(0o755)

        def copied():
            (home / "environments").mkdir()
            (home / "src/kernel").mkdir(parents=True)
            for program in folder.glob("cloche*"):
                if program.is_file():
                    shutil.copy2(program, home)
            shutil.copy2(folder / "src/kernel/_cloche.abi3.so", home / "src/kernel")
            shutil.copytree(folder / "src/kernel/python", home / "src/kernel/python")
            for shipped in ("attacks", "environments"):
                shutil.copytree(ROOT / shipped, home / "share/cloche" / shipped)
            subprocess.run(["chmod", "-R", "a+rX", str(home)], check=True)
            return home
        yield copied


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("layer,name", ORDINARY)
def test_without_it_an_attack_succeeds_where_all_have_one_id(folder, of_nobody, cloche, layer, name):
    built(folder, layer, cloche)
    home = of_nobody()
    done = attacked(home, home / "environments", name, user=NOBODY, group=NOBODY, extra_groups=[])
    assert (done.returncode, verdict(done, name)) == (1, "succeeded")

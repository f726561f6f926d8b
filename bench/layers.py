"""What the walls cost a new session: `cloche bench` with all layers and without those that can be left out, in one run.

usage: layers.py BUILD ENVIRONMENTS [cloche bench flags]

BUILD is a release build. Beside it, in BUILD-without, the same sources are built with -Dtest_without, which is there
for tests only; the command line and the server, whose own walls are up once and for all sessions, are the same file.
Left out is all without which code still runs: user, mount and pid namespaces, ids and no_new_privs are what a session
stands on. The two take turns, so that a machine that grows slower does so for both.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = ["first filter", "second filter", "landlock", "bounding set", "capabilities", "session", "dumpable", "limits", "zygote limits",
           "net namespace", "uts namespace", "cgroup namespace", "ipc namespace", "cgroup", "covers", "sealed settings", "nosuid", "read-only"]
ROUNDS = 3


def built(build):
    """A build without the layers; its folder."""
    folder = build.parent / f"{build.name}-without"
    environment = {**os.environ, "PATH": "/usr/bin:/bin:" + os.environ["PATH"]}

    def call(*words):
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT).stdout

    options = ["--buildtype=release", "-Ddebug=true", f"-Dtest_without={','.join(WITHOUT)}"]
    if (folder / "build.ninja").exists():
        call("meson", "configure", str(folder), *options)
    else:
        call("meson", "setup", str(folder), str(ROOT), *options)
    layer = [line.split(":")[0] for line in call("ninja", "-C", str(folder), "-t", "targets", "all").splitlines()
             if line.startswith("src/kernel/python/")]
    call("ninja", "-C", str(folder), "--quiet", "cloche-supervisor", "cloche-warden", "cloche-init", "src/kernel/_cloche.abi3.so", *layer)
    shutil.copy2(build / "cloche", folder / "cloche")
    return folder


def measured(folder, environments, flags):
    """{what: milliseconds at the median} of each row about new sessions."""
    done = subprocess.run([str(folder / "cloche"), "bench", "--json", "--rows", "create,create-empty", "--seconds", "3",
                           "--environments", str(environments), *flags], check=True, stdout=subprocess.PIPE)
    return {row["what"]: row["p50"] for row in json.loads(done.stdout)["rows"]}


def main():
    build, environments, flags = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:]
    folders = {"on": build, "off": built(build)}
    found = {"on": [], "off": []}
    for turn in range(ROUNDS):
        for which in ("on", "off") if turn % 2 == 0 else ("off", "on"):
            found[which].append(measured(folders[which], environments, flags))
    print("| new session | all layers | without | rise |\n|---|---|---|---|")
    for what in found["on"][0]:
        on, off = (sorted(row[what] for row in found[which])[ROUNDS // 2] for which in ("on", "off"))
        print(f"| {what} | {on:.2f} ms | {off:.2f} ms | {(on / off - 1) * 100:+.0f} % |")


main()

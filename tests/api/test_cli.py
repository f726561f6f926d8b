"""The command line: help, words for mistakes, exit codes, run, keys, refusals."""
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support import machine

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["serve", "run", "chat", "notebook", "env", "key", "doctor", "attack", "bench"]


@pytest.fixture
def script(call, tmp_path):
    """script(code, *flags, …) runs the code as a file in the environment base."""
    def run(code, *flags, **options):
        path = tmp_path / "program.py"
        path.write_text(code)
        return call("run", "--environment", "base", path, *flags, **options)
    return run


# ---- words --------------------------------------------------------------------------------------------


def test_help_and_version(call):
    done = call("--help")
    assert done.returncode == 0 and all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "__server" not in done.stdout
    assert re.fullmatch(r"cloche \d+\.\d+\.\d+\n", call("--version").stdout)
    assert call().returncode == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_names_its_exit_codes(call, command):
    for flag in "--help", "-h":
        done = call(command, flag)
        assert done.returncode == 0 and done.stderr == ""
        assert f"usage: cloche {command}" in done.stdout and re.search("exit codes:|^Exit:", done.stdout, re.M)


def test_an_unknown_command_names_the_nearest(call):
    done = call("sevre")
    assert done.returncode == 2 and 'did you mean "serve"?' in done.stderr


@pytest.mark.parametrize("words, says", [
    (["serve", "--listn", "x"], "--listen"),
    (["serve", "--pids"], "needs a value"),
    (["serve", "--pids", "x"], "whole number"),
    (["serve", "--pids", "1"], "between"),
    (["serve", "--memory-limit", "64m", "--scratch-share", "90"], "leaves a kernel less than 32 MiB"),
    (["serve", "--cpu-limit", "two"], "two is not a number"),
    (["serve", "--cpu-limit", "0.01"], "below 0.1 cores"),
    (["serve", "--cpu-limit", "-1"], "not between 0 and 1024"),
    (["serve", "surplus"], "one word too many"),
    (["serve", "--listen", "example.org:80"], "neither an IP address nor localhost"),
    (["serve", "--config", "/nonexistent.json"], "/nonexistent.json"),
    (["serve", "--ready-fd", "77"], "no open descriptor"),
    (["key", "creat", "--name", "x"], "none of create, list, revoke"),
    (["key", "create"], "--name"),
    (["key", "revoke"], "one key's id"),
    (["bench", "--rows", "memoy"], '"memory"'),
    (["doctor", "--jsn"], "--json"),
])
def test_wrong_usage_is_2_and_says_what(call, tmp_path, words, says):
    done = call(*words, env={"CLOCHE_STATE": str(tmp_path / "state")})
    assert done.returncode == 2, done.stderr
    assert says in done.stderr and done.stdout == ""


def test_config_file_mistakes_name_the_nearest_key(call, tmp_path):
    config = tmp_path / "config.json"
    for text, says in [('{"memory_limt": "1g"}', "memory_limit"), ('{"pids": 20, "pids": 30}', "uplicate"), ("[]", "object")]:
        config.write_text(text)
        done = call("serve", "--config", config)
        assert done.returncode == 2 and says in done.stderr


def test_settings_page_is_the_tables(call):
    assert call("__settings-doc").stdout == (ROOT / "docs" / "settings.md").read_text()


# ---- run ----------------------------------------------------------------------------------------------


def test_run_streams_and_arguments(script):
    done = script("import sys\nprint(sys.argv[1:], __name__)\nprint('err', file=sys.stderr)\n40 + 2\n", "--", "a", "--b", "c d")
    assert (done.returncode, done.stdout, done.stderr) == (0, "['a', '--b', 'c d'] __main__\n", "err\n")


def test_run_from_standard_input(call):
    done = call("run", "-", stdin="print(6 * 7)")
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_run_reads_its_standard_input(script):
    done = script("import sys\nprint(input(), sys.stdin.read(), end='')", stdin="one\ntwo\nthree\n")
    assert (done.returncode, done.stdout) == (0, "one two\nthree\n")


@pytest.mark.parametrize("code, status", [
    ("raise SystemExit", 0), ("raise SystemExit(7)", 7), ("import sys; sys.exit('bye')", 1), ("1 / 0", 1),
    ("import os; os._exit(9)", 9), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", 134), ("def broken(:", 1),
])
def test_run_exit_codes(script, code, status):
    done = script(code)
    assert done.returncode == status, done.stderr
    if code == "1 / 0":
        assert "ZeroDivisionError: division by zero" in done.stderr and "Traceback" in done.stderr
    if "bye" in code:
        assert done.stderr == "bye\n"


def test_run_timeout_is_124(script):
    begun = time.monotonic()
    done = script("print('begun', flush=True)\nwhile True: pass", "--timeout", "1")
    assert done.returncode == 124 and done.stdout == "begun\n"
    assert time.monotonic() - begun < 60


@pytest.mark.root
def test_run_out_of_memory_is_137(script):
    done = script("x = []\nwhile True: x.append(bytearray(16 << 20))")
    assert done.returncode == 137 and "memory" in done.stderr


def test_run_usage_is_125(call, tmp_path):
    for words in (["run"], ["run", "/nonexistent.py"], ["run", "--nope", "x.py"], ["run", "--timeout", "x", "y.py"],
                  ["run", "--file", "/nonexistent", __file__], ["run", "--environment", "../x", __file__]):
        assert call(*words).returncode == 125, words
    missing = call("run", "--environment", "nowhere", __file__)
    assert missing.returncode == 125 and "nowhere" in missing.stderr


def test_run_files_and_out(script, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "data.txt").write_text("hello")
    (tmp_path / "data.txt").write_text("second")
    out = tmp_path / "out"
    code = ("import os\nprint(os.getcwd(), sorted(os.listdir()))\nos.mkdir('sub')\n"
            "open('sub/made.txt', 'w').write(open('data.txt').read() + open('data (2).txt').read())")
    files = ("--file", tmp_path / "in" / "data.txt", "--file", tmp_path / "data.txt", "--out", out)
    for _ in range(2):
        done = script(code, *files)
        assert (done.returncode, done.stdout) == (0, "/mnt/data ['data (2).txt', 'data.txt']\n"), done.stderr
    assert sorted(p.name for p in (out / "sub").iterdir()) == ["made (2).txt", "made.txt"]
    assert (out / "sub" / "made.txt").read_text() == "hellosecond"
    assert sorted(p.name for p in out.iterdir()) == ["sub"]


def test_run_without_out_names_and_drops(script, tmp_path):
    done = script("open('made.csv', 'w').write('a')", cwd=tmp_path)
    assert done.returncode == 0 and "made made.csv" in done.stderr and "--out" in done.stderr
    assert not (tmp_path / "made.csv").exists()


def test_run_out_follows_no_link(script, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "sub").symlink_to(elsewhere)
    (out / "plain").symlink_to(elsewhere / "target")
    done = script("import os\nos.mkdir('sub')\nopen('sub/x', 'w').write('1')\nopen('plain', 'w').write('1')", "--out", out)
    assert done.returncode == 125 and "could not be kept" in done.stderr
    assert list(elsewhere.iterdir()) == []
    assert (out / "plain (2)").read_text() == "1"


def test_run_dir_is_the_folder_itself(script, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "in.txt").write_text("1")
    for path in (folder, folder / "in.txt"):
        os.chown(path, 1234, 1234)
    done = script("import os\nprint(os.getuid(), os.stat('in.txt').st_uid, os.statvfs('.').f_flag & (os.ST_NOSUID | os.ST_NODEV))\n"
                  "open('in.txt', 'a').write('2')\nos.makedirs('a/b')\nopen('a/b/new', 'w').write('3')", "--dir", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"1000 1000 {os.ST_NOSUID | 4}\n", "")
    assert (folder / "in.txt").read_text() == "12" and (folder / "a/b/new").read_text() == "3"
    assert {p.stat().st_uid for p in folder.rglob("*")} == {1234}
    assert str(folder) not in machine.mounts()


def test_run_dir_is_flushed(script, tmp_path):
    """What is done without doing elsewhere (docs/sandbox.md) reaches Linux, which knows no descriptor 999."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    done = script("import ctypes\nprint([ctypes.CDLL(None).syscall(n, 999) for n in (74, 75, 306)])  # fsync, fdatasync, syncfs", "--dir", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[-1, -1, -1]\n", "")


def test_run_dir_copies_back(script, tmp_path):
    folder = tmp_path / "project"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "in.txt").write_text("1")
    (folder / "keep.txt").write_text("old")
    done = script("open('a/in.txt', 'a').write('2')\nopen('new.txt', 'w').write('3')", "--dir", folder, "--copy")
    assert done.returncode == 0 and "copied" in done.stderr
    assert {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()} == {
        "a/in.txt": "12", "keep.txt": "old", "new.txt": "3"}


def test_run_json(script):
    done = script("print('x')\n1 / 0", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 1 and done.stderr == ""
    assert (record["status"], record["stdout"], record["error"]["name"]) == ("error", "x\n", "ZeroDivisionError")


def test_run_picks_no_network(script):
    done = script("import socket\ntry:\n  socket.create_connection(('1.1.1.1', 53), 2)\nexcept OSError as e:\n  print('no')")
    assert done.stdout == "no\n"


@pytest.mark.data_science
def test_run_picks_the_environment_and_keeps_figures(call, tmp_path):
    path = tmp_path / "plot.py"
    path.write_text("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.plot([2, 1])\nplt.show()")
    done = call("run", path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["figure-1.png", "figure-2.png"]


def interrupted(cloche, tmp_path, code, times):
    path = tmp_path / "loop.py"
    path.write_text(code)
    process = subprocess.Popen([cloche, "run", "--environment", "base", path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True, stdin=subprocess.DEVNULL)
    for expected in times:
        assert process.stdout.readline() == expected
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_run_interrupt_reaches_the_program(cloche, tmp_path):
    code = "import time\ntry:\n  print('ready', flush=True)\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('caught')"
    assert interrupted(cloche, tmp_path, code, ["ready\n"])[:2] == (0, "caught\n")


def test_run_second_interrupt_kills(cloche, tmp_path):
    code = ("import time\nword = 'ready'\nwhile True:\n  try:\n    print(word, flush=True)\n    time.sleep(60)\n"
            "  except KeyboardInterrupt:\n    word = 'again'")
    status, _, _ = interrupted(cloche, tmp_path, code, ["ready\n", "again\n"])
    assert status == 130


def test_run_ends_with_its_reader(cloche, tmp_path):
    (tmp_path / "yes.py").write_text("while True: print('y')")
    process = subprocess.Popen([cloche, "run", "--environment", "base", tmp_path / "yes.py"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert process.stdout.readline() == "y\n"
    process.stdout.close()
    assert process.wait(20) == 141


def test_run_terminated(cloche, tmp_path):
    (tmp_path / "wait.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(60)")
    process = subprocess.Popen([cloche, "run", "--environment", "base", tmp_path / "wait.py"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert process.stdout.readline() == "ready\n"
    below = machine.descendants(process.pid)
    process.terminate()
    assert process.wait(20) == 143
    machine.wait_until(lambda: not any(p.alive() for p in below), 3, "the end of all that ran below it")


def test_run_in_a_session(call, server, session, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("import sys\nkept = sys.argv[1]\nprint(open('in.txt').read())\nopen('made.txt', 'w').write(kept)\n")
    (tmp_path / "in.txt").write_text("input")
    done = call("run", path, "--session", session.id, "--url", server.url, "--file", tmp_path / "in.txt",
                "--out", tmp_path / "out", "--", "word")
    assert (done.returncode, done.stdout) == (0, "input\n"), done.stderr
    assert (tmp_path / "out" / "made.txt").read_text() == "word"
    path.write_text("print(kept)\n1 / 0")
    done = call("run", path, "--session", session.id, "--url", server.url)
    assert (done.returncode, done.stdout) == (1, "word\n") and "ZeroDivisionError" in done.stderr
    missing = call("run", path, "--session", "cntr_nowhere", "--url", server.url)
    assert missing.returncode == 125 and "404" in missing.stderr


def test_run_leaves_nothing_behind(script):
    def abandoned():
        """Cgroup directories of supervisors that are no more."""
        owners = (re.search(r"/cloche-(\d+)$", path) for path, _, _ in os.walk("/sys/fs/cgroup"))
        return {m.group() for m in owners if m and not Path("/proc", m.group(1)).exists()}

    mounts, before = machine.mounts(), abandoned()
    assert script("print(1)").returncode == 0
    assert machine.mounts() <= mounts
    machine.wait_until(lambda: abandoned() <= before, 3, "the end of the cgroups of the run")


# ---- keys and refusals ------------------------------------------------------------------------------------


def test_keys(call, tmp_path):
    state = ("--state", tmp_path / "state")
    made = json.loads(call("key", "create", "--name", "first", *state, "--json").stdout)
    assert set(made) == {"id", "key", "name", "project"} and made["project"] == "default" and made["name"] == "first"
    second = call("key", "create", "--name", "second", "--project", "team", *state)
    assert second.returncode == 0 and second.stdout.startswith("cl-") and "not shown again" in second.stderr
    third = json.loads(call("key", "create", "--name", "third", *state, "--json").stdout)
    assert third["project"] == third["id"]
    assert call("key", "revoke", made["id"], *state).returncode == 0
    listed = json.loads(call("key", "list", *state, "--json").stdout)["data"]
    assert [(k["name"], bool(k["revoked_at"])) for k in listed] == [("first", True), ("second", False), ("third", False)]
    assert made["key"] not in call("key", "list", *state).stdout
    unknown = call("key", "revoke", "key_nowhere", *state)
    assert unknown.returncode == 1 and "cloche key list" in unknown.stderr
    assert third["key"] not in call("key", "revoke", third["key"], *state).stderr
    assert call("key", "create", "--name", "x", "--project", "key_x", *state).returncode == 2
    if os.geteuid() == 0:
        owners = {p.stat().st_uid for p in [tmp_path / "state", *(tmp_path / "state").rglob("*")]}
        assert 0 not in owners, "root left files in a directory that is the server's"


def test_a_taken_address_is_1_and_says_what_to_do(call, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = call("serve", "--listen", address, "--state", tmp_path / "state")
    assert done.returncode == 1 and address in done.stderr and "--listen" in done.stderr


def test_no_server_is_told_by_where_it_was_looked_for(call, tmp_path):
    (tmp_path / "a.py").write_text("print(1)")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    done = call("run", tmp_path / "a.py", "--session", "cntr_1", "--url", url)
    assert done.returncode == 125 and f"No server answers at {url}" in done.stderr


def test_beyond_loopback_takes_a_key(call, fresh_server, tmp_path):
    state = tmp_path / "state"
    refused = call("serve", "--listen", "0.0.0.0:0", "--state", state)
    assert refused.returncode == 1 and "cloche key create" in refused.stderr and str(state) in refused.stderr
    key = json.loads(call("key", "create", "--name", "n", "--state", state, "--json").stdout)["key"]
    server = fresh_server(state=state, start=False)
    server.listen = ["0.0.0.0:0"]
    server.start(wait_ready=False)
    port = server.addresses[0].rsplit(":", 1)[1]
    server.url = f"http://127.0.0.1:{port}"
    with server.client() as client:
        assert client.get("/v1/containers").status_code == 401
        assert client.get("/v1/containers", headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_localhost_is_two_addresses_and_a_unix_socket(fresh_server, tmp_path):
    server = fresh_server("--listen", f"unix:{tmp_path}/s.sock", start=False)
    server.listen = ["localhost:0"]
    server.start(wait_ready=False)
    first, second, third = server.addresses
    assert first.startswith("127.0.0.1:") and second == first.replace("127.0.0.1", "[::1]") and third == f"unix:{tmp_path}/s.sock"
    assert (tmp_path / "s.sock").is_socket() and (tmp_path / "s.sock").stat().st_mode & 0o777 == 0o600
    assert server.stop() == 0
    assert not (tmp_path / "s.sock").exists()


def test_hangup_reads_the_config_again(fresh_server, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"log_level": "info", "timeout": 20}')
    tmp_path.chmod(0o755)
    server = fresh_server("--config", str(config))

    def logged(text):
        machine.wait_until(lambda: text in server.log(), 10, f"{text!r} in the log")

    config.write_text('{"log_levl": "debug"}')
    server.process.send_signal(signal.SIGHUP)
    logged("the old ones stay")
    config.write_text('{"log_level": "debug", "timeout": 20, "pids": 99, "cpu_limit": 0.5}')
    server.process.send_signal(signal.SIGHUP)
    logged("settings re-read")
    logged("setting=cpu-limit")  # whether one can be enforced is found out at a start
    with server.client() as client:
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("limit", [["--memory-total", "1g"], ["--cpu-limit", "2"]])
def test_a_limit_that_cannot_be_enforced_is_no_start(cloche, tmp_path, limit):
    """Who asks for it relies on it. An ordinary user has no cgroups; root's are covered here."""
    words = [str(cloche), "serve", "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state"), "--environments", str(tmp_path),
             *limit]
    if os.geteuid() == 0:
        words = ["unshare", "-m", "--propagation", "private", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh", *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"{limit[0]} cannot be enforced here: " in done.stderr, done.stderr


def test_bench_speaks_json(call):
    done = call("bench", "--rows", "execute", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failed_rows"] == 0 and {r["row"] for r in report["rows"]} == {"execute"}
    assert all(0 < r["p50"] <= r["p99"] and r["n"] > 5 for r in report["rows"])

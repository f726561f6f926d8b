"""User code that means harm, or does it by accident.

After each: the session answers again, another session's p99 is within three times its quiet one, and
once deleted nothing of the attacked session is left on the machine a second later.
"""
import json
import threading
from dataclasses import dataclass, field

import pytest

from support import machine
from support.api import Session, brief, expect_gone, latencies

STATUSES = {"completed", "error", "timeout", "interrupted", "out_of_memory", "killed"}


@dataclass
class Attack:
    code: str
    status: set = field(default_factory=lambda: STATUSES)
    state: str | None = None  # None: either
    timeout: int = 30
    check: object = None  # further looks at the execution


def whole_gigabyte(execution):
    cut = [entry for entry in execution["truncated"] if entry["stream"] == "stdout"]
    assert cut and cut[0]["total_bytes"] == 1 << 30, execution["truncated"]
    assert len(execution["stdout"]) < 140 * 1024
    assert execution["stdout"].startswith("xxxx")


def frames_are_text(execution):
    assert '{"type": "done"' in execution["stdout"]
    assert execution["stdout"].endswith("still here\n")
    assert execution["error"] is None


def at_most_a_thousand(execution):
    assert len(execution["outputs"]) <= 1000
    assert execution["status"] != "completed" or execution["notes"]


def bytes_became_text(execution):
    assert "abc" in execution["stdout"]


def no_parent_cloned(execution):
    assert json.loads(execution["stdout"]) == {"CLONE_PARENT": 1, "clone3": 38, "setns": 1}


def subprocess_note(execution):
    assert "-9" in execution["stdout"] or "137" in execution["stdout"]
    assert any("memory" in note for note in execution["notes"]), execution["notes"]


def processes_noted(execution):
    assert any("process" in note for note in execution["notes"]), execution["notes"]


WRITE_EVERYWHERE = """
import os, struct, time
def everywhere(data):
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, data)
        except OSError:
            pass
"""

ATTACKS = {
    # -- output ------------------------------------------------------------------------------------
    "prints a gigabyte": Attack(
        "import sys\nfor _ in range(1024):\n    sys.stdout.write('x' * (1 << 20))",
        {"completed"}, "kept", timeout=100, check=whole_gigabyte),
    "one line of a gigabyte from a subprocess": Attack(
        "import subprocess\nsubprocess.run('head -c 1073741824 /dev/zero | tr \"\\\\0\" x', shell=True)",
        {"completed"}, "kept", timeout=100, check=whole_gigabyte),
    "prints what looks like frames": Attack(
        "import sys, struct\nhead = b'{\"type\": \"done\", \"id\": \"x\", \"status\": \"ok\"}'\n"
        "for _ in range(1000):\n    sys.stdout.buffer.write(struct.pack('<II', len(head), 0) + head + b'\\n')\n"
        "sys.stdout.flush()\nprint('still here')",
        {"completed"}, "kept", check=frames_are_text),
    "prints bytes that are no text": Attack(
        "import os\nos.write(1, bytes(range(256)) * 300 + b'abc')\nos.write(2, b'\\xff\\xfe' * 5000)",
        {"completed"}, "kept", check=bytes_became_text),
    "displays twenty thousand times": Attack(
        "from IPython.display import display\nfor n in range(20_000):\n    display(n)",
        {"completed", "timeout"}, "kept", timeout=60, check=at_most_a_thousand),
    "displays a hundred megabytes": Attack(
        "from IPython.display import display\n"
        "display({'image/png': 'A' * (100 << 20)}, raw=True)\nprint('after')"),
    # -- descriptors and frames ----------------------------------------------------------------------
    "closes descriptors 0 to 20": Attack(
        "import os\nfor n in range(21):\n    try: os.close(n)\n    except OSError: pass", timeout=5),
    "points standard output elsewhere": Attack(
        "import os\nn = os.open('/dev/null', os.O_WRONLY)\nos.dup2(n, 1)\nos.dup2(n, 2)\nprint('nothing')", timeout=5),
    "exhausts descriptors": Attack(
        "import os\nheld = []\ntry:\n    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: pass", timeout=20),
    "sends half a frame and sleeps": Attack(
        WRITE_EVERYWHERE + "everywhere(struct.pack('<II', 200, 0) + b'{\"type\": \"display_da')\ntime.sleep(1000)",
        {"killed", "timeout"}, timeout=2),
    "sends a frame that breaks every bound": Attack(
        WRITE_EVERYWHERE + "everywhere(b'\\xff' * 4096)\ntime.sleep(1000)", {"killed", "timeout"}, "reset", timeout=5),
    "sends a frame that is not JSON": Attack(
        WRITE_EVERYWHERE + "everywhere(struct.pack('<II', 8, 0) + b'not JSON')\ntime.sleep(1000)",
        {"killed", "timeout"}, "reset", timeout=5),
    "sends a frame of an unknown type": Attack(
        WRITE_EVERYWHERE + "head = b'{\"type\": \"rm -rf\"}'\neverywhere(struct.pack('<II', len(head), 0) + head)\n"
        "time.sleep(1000)", {"killed", "timeout"}, "reset", timeout=5),
    "reads what the server sends": Attack(
        "import os, threading\ndef thief(n):\n    try:\n        while os.read(n, 65536): pass\n"
        "    except OSError: pass\nfor n in range(3, 32):\n"
        "    threading.Thread(target=thief, args=(n,), daemon=True).start()", timeout=5),
    "stops reading its pipe": Attack(
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", {"timeout", "killed"}, timeout=2),
    # -- the end of the process -----------------------------------------------------------------------
    "os._exit": Attack("import os; os._exit(3)", {"killed"}, "reset"),
    "os.abort": Attack("import os; os.abort()", {"killed"}, "reset"),
    "a segmentation fault": Attack("import ctypes; ctypes.string_at(0)", {"killed"}, "reset"),
    "execv of something short": Attack("import os; os.execv('/bin/true', ['true'])", {"killed"}, "reset", timeout=5),
    "execv of something long": Attack(
        "import os; os.execv('/bin/sleep', ['sleep', '1000'])", {"killed", "timeout"}, "reset", timeout=5),
    "kills itself": Attack("import os; os.kill(os.getpid(), 9)", {"killed"}, "reset"),
    "kills everybody": Attack(
        "import os\nfor target in (1, -1, 0):\n    try: os.kill(target, 9)\n    except OSError as e: print(e)"),
    "ends in an atexit that hangs": Attack(
        "import atexit, sys, time\natexit.register(time.sleep, 1000)\nsys.exit(2)", {"error"}, "kept", timeout=5),
    # -- the interpreter -------------------------------------------------------------------------------
    "replaces sys.stdout and builtins": Attack(
        "import sys, builtins, json\n"
        "sys.stdout = sys.stderr = sys.stdin = None\njson.dumps = json.loads = None\n"
        "for name in ('print', 'open', 'len', 'repr', 'isinstance', 'compile', 'exec', 'str', 'bytes', '__import__'):\n"
        "    setattr(builtins, name, None)", timeout=5),
    "deletes every module": Attack("import sys\nsys.modules.clear()", timeout=5),
    "hangs in __repr__": Attack(
        "class Hang:\n    def __repr__(self):\n        while True: pass\nHang()", {"timeout"}, timeout=1),
    "hangs in __repr__ of its error": Attack(
        "class Hang(Exception):\n    def __str__(self):\n        while True: pass\nraise Hang()", {"timeout"}, timeout=1),
    "hangs in __del__ while interrupted": Attack(
        "class Hang:\n    def __del__(self):\n        while True: pass\nx = Hang()\ndel x", {"timeout"}, timeout=1),
    "recurses without end": Attack("def f(): return f()\nf()", {"error"}, "kept"),
    "recurses without end in C": Attack(
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()", timeout=20),
    "loops with SIGINT ignored": Attack(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        {"timeout"}, "reset", timeout=1),
    "swallows KeyboardInterrupt": Attack(
        "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass",
        {"timeout"}, timeout=1),
    "computes where no signal reaches": Attack("x = 3 ** (10 ** 8)", {"timeout", "completed"}, timeout=1),
    "sleeps beyond its time": Attack("import time; time.sleep(1000)", {"timeout"}, "kept", timeout=1),
    # -- processes and memory ------------------------------------------------------------------------
    "a fork bomb": Attack(
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", timeout=3),
    "a fork bomb in the shell": Attack(
        "import subprocess\nsubprocess.run(['bash', '-c', 'bomb() { bomb | bomb & }; bomb; sleep 1000'])", timeout=3),
    "a thread bomb": Attack(
        "import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "    except RuntimeError: pass", timeout=3),
    "clone with CLONE_PARENT": Attack(
        "import ctypes, json\nlibc = ctypes.CDLL(None, use_errno=True)\nfound = {}\n"
        "def call(name, *words):\n    ctypes.set_errno(0)\n"
        "    found[name] = ctypes.get_errno() if libc.syscall(*map(ctypes.c_long, words)) == -1 else 0\n"
        "call('CLONE_PARENT', 56, 0x8000 | 17, 0, 0, 0, 0)\ncall('clone3', 435, 0, 0)\n"
        "call('setns', 308, 0, 0)\nprint(json.dumps(found))",
        {"completed"}, "kept", check=no_parent_cloned),
    "allocates without end": Attack(
        "held = []\nwhile True: held.append(bytearray(16 << 20))", {"out_of_memory"}, "reset", timeout=60),
    "allocates small objects without end": Attack(
        "held = []\nwhile True: held.append([0] * 100)", {"out_of_memory"}, "reset", timeout=100),
    "a subprocess allocates without end": Attack(
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', "
        "'x = []\\nwhile True: x.append(bytearray(16 << 20))']).returncode)",
        {"completed"}, "kept", timeout=60, check=subprocess_note),
    "fills memory with pipes": Attack(
        "import os\nheld = []\ntry:\n    while True:\n        r, w = os.pipe(); held.append((r, w))\n"
        "        os.set_blocking(w, False)\n        try:\n            while True: os.write(w, b'x' * 65536)\n"
        "        except BlockingIOError: pass\nexcept OSError: pass"),
    "leaves daemons behind": Attack(
        "import os, subprocess, time\n"
        "for _ in range(3): subprocess.Popen(['sleep', '100000'], start_new_session=True)\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        import signal\n        for n in range(1, 32):\n"
        "            try: signal.signal(n, signal.SIG_IGN)\n            except OSError: pass\n"
        "        while True: time.sleep(1000)\n    os._exit(0)",
        {"completed"}, "kept", check=processes_noted),
    "leaves a hundred processes computing": Attack(
        "import subprocess\nfor _ in range(100):\n    try: subprocess.Popen(['sh', '-c', 'while :; do :; done'])\n"
        "    except OSError: break", {"completed"}, "kept", check=processes_noted),
    # -- files ----------------------------------------------------------------------------------------
    "fills the disk": Attack(
        "try:\n    with open('/mnt/data/fill', 'wb') as f:\n        while True: f.write(bytes(1 << 20))\n"
        "except OSError as e: print(e.errno)", timeout=60),
    "fills the disk with names": Attack(
        "import os\nos.mkdir('/mnt/data/many')\nn = 0\ntry:\n"
        "    while n < 1_000_000: os.close(os.open(f'/mnt/data/many/{n}', os.O_CREAT)); n += 1\n"
        "except OSError as e: print(n, e.errno)", timeout=100),
    "goes as deep as folders go": Attack(
        "import os\nos.chdir('/mnt/data')\ntry:\n    for _ in range(3_000):\n        os.mkdir('d' * 100); os.chdir('d' * 100)\n"
        "except OSError: pass\nos.chdir('/mnt/data')", timeout=60),
}


SAMPLES = 300  # the p99 of them is the fourth from above
# One wakeup behind a whole time slice of somebody else (3 ms) is the scheduler's, not the product's: below
# a millisecond a quiet p99 has met none, and three times it would forbid the first.
FLOOR = 0.001


def p99(session):
    with machine.ahead_of_everyone():
        return max(latencies(session, SAMPLES)[int(SAMPLES * 0.99) - 1], FLOOR)


@pytest.fixture(scope="module")
def bystander(server):
    """A session that minds its own business. What all the acts together did to it shows at the end."""
    with server.client() as client:
        session = Session(client, environment="base")
        latencies(session, 50)
        first = p99(session)
        yield session
        last = min(p99(session) for _ in range(3))
        assert last <= 3 * first, f"after all: p99 {last * 1000:.1f} ms, at first {first * 1000:.1f} ms"
        session.delete()


def kernel_cgroups(pid_namespace):
    """The directories that are the session's alone: its kernel's, less those of its init."""
    inside = machine.in_pid_namespace(pid_namespace)
    init = {d for p in inside if p.name == "cloche-init" for d in machine.cgroup_directories(p.pid)}
    return {d for p in inside if p.name != "cloche-init" for d in machine.cgroup_directories(p.pid)} - init


def answers_again(session):
    """The next execution tells that things went wrong, the one after it is well."""
    for _ in range(2):
        execution = session.run("print(2 + 3)", expect=None, timeout=10)
        if execution["status"] == "completed" and execution["stdout"] == "5\n":
            return
    restarted = session.client.post(f"{session.path}/restart")
    assert restarted.status_code == 200, restarted.text
    assert session.run("print(2 + 3)", timeout=10)["stdout"] == "5\n"


# Without limits these would eat the machine: that is what is lost there.
BOUNDLESS = {"allocates without end", "allocates small objects without end", "a subprocess allocates without end",
             "fills memory with pipes"}


def attacks(names):
    return [pytest.param(n, marks=pytest.mark.limits) if n in BOUNDLESS else n for n in names]


def commit(attack, session, other):
    """The act, what it did to its session, and (quiet p99, {when: p99}) of the bystander."""
    quiet = p99(other)
    namespace = session.pid_namespace()
    cgroups = kernel_cgroups(namespace)

    execution = session.run(attack.code, expect=None, timeout=attack.timeout)
    assert execution["status"] in attack.status, brief(execution)
    assert attack.state in (None, execution["state"]), brief(execution)
    if attack.check:
        attack.check(execution)

    answers_again(session)
    loud = {"beside it": p99(other)}  # while the attacked session lives, with whatever it left running
    session.delete()
    expect_gone(namespace, cgroups)
    loud["after its deletion"] = p99(other)  # while the server still forgets what it knew of it
    if max(loud.values()) > 3 * quiet:
        # A machine that has become slower meanwhile, for reasons of its own, still is, and that is then what
        # quiet means: of the attacked session nothing is left. Harm to the server itself is the fixture's to see.
        quiet = max(quiet, p99(other))
    return quiet, loud


# The fourth worst of 300 samples is one hiccup of a shared machine away from any bound. What an act does to
# others it does each time: the act is committed again before its judgement, four times at most, which a
# machine that is busy with something else needs.
TRIALS = 5


@pytest.mark.parametrize("name", attacks(ATTACKS))
def test_attack(new_session, bystander, name):
    seen = []
    for _ in range(TRIALS):
        quiet, loud = commit(ATTACKS[name], new_session(), bystander)
        if all(seconds <= 3 * quiet for seconds in loud.values()):
            return
        seen.append(", ".join(f"p99 {when} {s * 1000:.1f} ms" for when, s in loud.items()) + f", quiet {quiet * 1000:.1f} ms")
    pytest.fail("each time: " + "; ".join(seen))


@pytest.mark.parametrize("name", attacks(["a fork bomb", "allocates without end", "prints a gigabyte", "fills the disk"]))
def test_others_are_served_while_it_rages(new_session, bystander, name):
    other = bystander
    session = new_session()
    attack = ATTACKS[name]
    thread = threading.Thread(target=lambda: session.run(attack.code, expect=None, timeout=min(attack.timeout, 5)))
    thread.start()
    worst = 0.0
    while thread.is_alive():
        worst = max(worst, latencies(other, 1)[0])
    thread.join()
    assert worst < 2.0, f"an execution took {worst:.2f} s beside: {name}"


def test_nobody_waits_for_anothers_files(new_session, bystander):
    """What the server writes down of a hundred thousand files goes through the store that all replies go
    through: in pieces. As one piece it held up whoever came next for as long as it took, 0.7 s."""
    seen = []
    for _ in range(TRIALS):
        seen.append(longest_waits(new_session(), bystander))
        if max(seen[-1].values()) < 0.4:  # on a machine that is busy with other things, too
            return
    pytest.fail("each time: " + "; ".join(f"{name} {s * 1000:.0f} ms" for one in seen for name, s in one.items()))


def test_who_shows_much_rests_from_its_storing(new_session, bystander):
    """Each of these characters is one byte in the frame and six in the record. The server wrote that down at its own cost, and
    the session's next output was read at once."""
    session = new_session()
    with session.client.stream("POST", f"{session.path}/execute", timeout=60, json={
            "code": "display({'text/plain': '\\x01' * (31 << 20)}, raw=True)"}) as answer:
        assert answer.status_code == 200  # it is stored; and to take 190 MB would be a rest
    rested = session.run("1 + 1")["duration_ms"]
    assert rested > 250 > bystander.run("1 + 1")["duration_ms"]
    machine.wait_until(lambda: session.run("1 + 1")["duration_ms"] < 250, 60, "the end of its rest")


def longest_waits(session, bystander):
    """{what happened to a hundred thousand files: how long the bystander waited at worst}, in seconds."""
    worst = {}

    def beside(name, act):
        thread = threading.Thread(target=act)
        thread.start()
        slowest = 0.0
        while thread.is_alive() or slowest == 0.0:
            slowest = max(slowest, latencies(bystander, 100)[-1])
        thread.join()
        worst[name] = slowest

    beside("fill", lambda: session.run(ATTACKS["fills the disk with names"].code, timeout=100))
    beside("unlink", lambda: session.run("import shutil; shutil.rmtree('many')", timeout=100))
    session.run(ATTACKS["fills the disk with names"].code, timeout=100)
    beside("delete", session.delete)
    worst["after the delete"] = latencies(bystander, 600)[-1]  # what the server still does after its answer
    return worst


def test_delete_in_the_middle_of_an_attack(new_session):
    session = new_session()
    namespace = session.pid_namespace()
    found = {}

    def bomb():
        answer = session.client.post(f"{session.path}/execute", json={"code": ATTACKS["a fork bomb"].code, "timeout": 60})
        found["answer"] = answer

    thread = threading.Thread(target=bomb)
    thread.start()
    machine.wait_until(lambda: len(machine.in_pid_namespace(namespace)) > 20, 10, "the bomb")
    session.delete()
    expect_gone(namespace)
    thread.join(10)
    assert found["answer"].status_code == 200 and found["answer"].json()["status"] == "killed"


def test_queued_work_behind_a_stopped_kernel_gets_its_turn(new_session):
    """A kernel that reads nothing must not hold up who writes to it: a megabyte waits behind it."""
    session = new_session()
    stop = threading.Thread(target=lambda: session.run(
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", expect=None, timeout=2))
    stop.start()
    execution = session.run("x = '" + "a" * 1_000_000 + "'\nprint(len(x))", timeout=10)
    stop.join(20)
    assert execution["stdout"] == "1000000\n"


def test_disk_full_then_freed_goes_on(new_session):
    session = new_session()
    session.run(ATTACKS["fills the disk"].code, timeout=60)
    answer = session.client.post(f"{session.path}/files", files={"file": ("late.txt", b"y" * 100_000)})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "scratch_full", answer.text
    session.run("import os; os.unlink('/mnt/data/fill')")
    assert session.upload("late.txt", b"y" * 100_000)["bytes"] == 100_000
    assert session.run("print(len(open('late.txt').read()))")["stdout"] == "100000\n"


def test_a_million_names_are_reported_in_bounds(new_session):
    session = new_session()
    execution = session.run(ATTACKS["fills the disk with names"].code, timeout=100)
    assert len(execution["files"]) <= 1000
    assert any("more files were created or changed" in note for note in execution["notes"]), execution["notes"]

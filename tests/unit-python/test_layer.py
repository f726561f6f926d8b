"""The layer through real frames: streams, order, figures, input, limits, interrupts, hostile code."""
import json
import os
import re
import time

import pytest

from support.machine import wait_until

PNG = b"\x89PNG\r\n"


# ---- the frame loop ----------------------------------------------------------------------------

def test_ready_names_the_python(kernel):
    assert kernel.ready["python"].startswith("3.")


def test_hot_path_is_three_frames_at_most(kernel):
    answer = kernel.execute("x = 1 + 1")
    assert [f["type"] for f in answer.frames] == ["done"]
    answer = kernel.execute("x")
    assert [f["type"] for f in answer.frames] == ["barrier", "execute_result", "done"]


def test_done_counts_cpu(kernel):
    answer = kernel.execute("import time\nt = time.process_time()\nwhile time.process_time() - t < .05: pass")
    assert 45_000 < answer.done["cpu_us"] < 500_000
    code = "t=__import__('time');s=t.process_time()\nwhile t.process_time()-s<.05: pass"
    answer = kernel.execute("import subprocess, sys\nsubprocess.run([sys.executable, '-c', %r])" % code)
    assert 45_000 < answer.done["cpu_us"]


def test_end_of_pipe_ends_the_kernel(start):
    kernel = start("plain")
    os.close(kernel.fin)
    kernel.fin = os.open("/dev/null", os.O_WRONLY)
    assert kernel.process.wait(30) == 0


def test_two_hundred_values_warn_nobody(kernel):
    for i in range(200):
        answer = kernel.execute("'value %d'" % i)
    assert answer.stderr == "" and answer.notes == []
    assert kernel.execute("len(Out)").result == "64"
    assert kernel.execute("_199").result == "'value 198'"
    assert kernel.execute("_3").error["name"] == "NameError"


def test_state_is_kept(kernel):
    kernel.execute("def f(): return 42")
    assert kernel.execute("f()").result == "42"
    kernel.execute("1/0")
    assert kernel.execute("f()").result == "42"


# ---- streams -----------------------------------------------------------------------------------

def test_order_of_streams(kernel):
    code = ("import sys, os\nfor i in range(50):\n    print(i)\n    print(i, file=sys.stderr)\n"
            "    os.system('echo sub %d' % i)")
    outputs = kernel.execute(code).outputs
    said = "".join(o["text"] for o in outputs if o["type"] == "stdout")
    assert said == "".join("%d\nsub %d\n" % (i, i) for i in range(50))
    assert [o["type"] for o in outputs[:3]] == ["stdout", "stderr", "stdout"]


def test_order_around_displays(kernel):
    answer = kernel.execute("for i in range(3):\n    print('before', i)\n    display(i)\nprint('end')\n9")
    assert [o["type"] for o in answer.outputs] == [
        "stdout", "display_data", "stdout", "display_data", "stdout", "display_data", "stdout",
        "execute_result"]


def test_text_that_looks_like_frames(kernel):
    fake = b'\x10\0\0\0\0\0\0\0{"type":"done"}'
    answer = kernel.execute("import sys; sys.stdout.buffer.write(%r);" % fake)
    assert answer.stdout == fake.decode() and answer.status == "ok"


def test_much_output(kernel):
    answer = kernel.execute("for i in range(50): print('x' * 100000)")
    assert len(answer.stdout) == 50 * 100_001


def test_streams_come_back(kernel):
    kernel.execute("import sys, io\nsys.stdout = sys.stderr = io.StringIO(); sys.stdin = None")
    assert kernel.execute("print(1)").stdout == "1\n"
    kernel.execute("sys.stdout.close(); sys.stderr.close(); sys.stdin.close()")
    assert kernel.execute("print(2)").stdout == "2\n"
    kernel.execute("sys.stdout.buffer.close()")
    assert kernel.execute("print(3)").stdout == "3\n"


def test_closed_descriptors(kernel):
    kernel.execute("import os\nos.closerange(0, 21)")
    assert kernel.execute("print(1)").stdout == "1\n"
    assert kernel.execute("os.system('echo sub; cat')").stdout == "sub\n"
    assert kernel.execute("open('/dev/null').fileno()").result == "3"


def test_threads_may_print(kernel):
    code = ("import threading, sys\ndef work(n):\n    for i in range(100):\n        print(n)\n"
            "        print(n, file=sys.stderr)\n"
            "ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts];")
    answer = kernel.execute(code)
    assert sorted(answer.stdout.split()) == sorted(answer.stderr.split()) == sorted("0123" * 100)


# ---- input -------------------------------------------------------------------------------------

def test_stdin_is_read_to_its_end(kernel):
    code = "a = input('p? ')\nb = input()\nprint([a, b])\ntry: input()\nexcept EOFError: print('end')"
    assert kernel.execute(code, stdin=b"one\ntwo").stdout == "p? ['one', 'two']\nend\n"
    assert kernel.execute("import sys; sys.stdin.read()", stdin="é".encode()).result == "'é'"
    assert kernel.execute("import os; os.system('cat')", stdin=b"from sub\n").stdout == "from sub\n"
    assert kernel.execute("sys.stdin.read()").result == "''"
    assert kernel.execute("[line for line in sys.stdin]", stdin=b"a\nb\n").result == r"['a\n', 'b\n']"
    assert kernel.execute("sys.stdin.buffer.read()", stdin=b"\xff\0").result == r"b'\xff\x00'"
    big = b"x" * 3_000_000
    assert kernel.execute("len(input())", stdin=big).result == "3000000"


def test_input_asks(kernel):
    asked = []

    def reply(head):
        asked.append((head["prompt"], head["password"]))
        return "réply"

    kernel.on_input = reply
    answer = kernel.execute("print('before')\ninput('name? ')", ask=True)
    assert answer.result == "'réply'" and answer.stdout == "before\n"
    assert kernel.execute("import getpass; getpass.getpass('pw')", ask=True).result == "'réply'"
    assert asked == [("name? ", False), ("pw", True)]


def test_input_without_anybody(kernel):
    assert kernel.execute("input('x')").error["name"] == "EOFError"


def test_sync_gives_up_waiting(kernel):
    kernel.begin("try:\n    input()\nexcept EOFError as e:\n    print(e)", ask=True)
    while kernel.receive()[0]["type"] != "input_request":
        kernel.send({"type": "ack"})
    assert kernel.sync("a" * 32) == "a" * 32
    while not kernel.step():
        pass
    assert kernel.execute("5").result == "5"


# ---- environment, cleanliness ------------------------------------------------------------------

def test_environment_is_clean(start, tmp_path):
    kernel = start("plain", environment={"OMP_NUM_THREADS": "1", "SECRET": "s", "PATH": "/bin",
                                         "GLIBC_TUNABLES": ""})
    names = eval(kernel.execute("import os; sorted(os.environ)").result)
    assert set(names) - {"VIRTUAL_ENV"} == {"HOME", "LANG", "LOGNAME", "PATH", "PLOTLY_RENDERER", "TZ",
                                            "USER"}
    assert "SECRET" not in kernel.execute("os.system('env')").stdout
    assert kernel.execute("os.getcwd()").result == repr(str(tmp_path))
    assert kernel.execute("oct(os.umask(0))").result == "'0o22'"
    assert kernel.execute("import time; time.tzname").result == "('UTC', 'UTC')"


def test_env_of_an_execution(kernel):
    answer = kernel.execute("import os\nos.system('echo $K $USER')", env={"K": "v", "USER": "me"})
    assert answer.stdout == "v me\n"
    assert kernel.execute("os.system('echo $K $USER')").stdout == "user\n"
    answer = kernel.execute("os.environ.get('K')", env={"K\0": "v", "A=B": "w", "K": "x"})
    assert answer.result == "'x'" and len(answer.notes) == 2


def test_kernels_draw_different_numbers(start):
    code = "import random; random.random()"
    assert start("full").execute(code).result != start("full").execute(code).result


def test_modules_beside_the_code(kernel, tmp_path):
    (tmp_path / "beside.py").write_text("value = 5\ndef boom():\n    return 1 / 0\n")
    assert kernel.execute("import beside; beside.value").result == "5"
    error = kernel.execute("beside.boom()").error
    assert '  File "%s/beside.py", line 3, in boom' % tmp_path in error["traceback"]


def test_library_frames_are_left_out(kernel):
    lines = kernel.execute("import json\njson.loads('[')").error["traceback"]
    assert [line for line in lines if "File" in line] == ['  File "<cell 1>", line 2, in <module>']
    lines = kernel.execute("import concurrent.futures as c\nwith c.ThreadPoolExecutor() as p:\n"
                           "    p.submit(lambda: 1/0).result()").error["traceback"]
    assert [line.split(",")[0] for line in lines if "File" in line] == ['  File "<cell 2>"'] * 2


# ---- hostile code ------------------------------------------------------------------------------

def test_builtins_replaced(kernel):
    kernel.execute("import builtins\nfor n in dir(builtins):\n"
                   "    if n[0] != '_' and n not in ('builtins',): setattr(builtins, n, None)")
    answer = kernel.execute("x = 1")
    assert answer.status == "ok"
    answer = kernel.execute("x.nope")
    assert answer.error["name"] == "AttributeError"
    assert kernel.execute("x").result == "1"
    assert kernel.execute("print").status == "ok"
    assert kernel.execute("print(1)").error["name"] == "TypeError"


def test_modules_ruined(kernel):
    kernel.execute("import json, os, sys, io\njson.dumps = json.JSONEncoder.encode = None\n"
                   "os.write = os.read = os.environ = None\nsys.modules.pop('traceback')\n"
                   "io.TextIOWrapper = None\nsys.stdout = 3")
    answer = kernel.execute("print(1); 2")
    assert answer.stdout == "1\n" and answer.result == "2"
    assert kernel.execute("1/0").error["name"] == "ZeroDivisionError"


def test_a_fork_that_comes_back(kernel):
    answer = kernel.execute("import os, sys\npid = os.fork()\nif pid: os.waitpid(pid, 0)\n"
                            "print('parent' if pid else 'child')\npid > 0")
    assert answer.stdout.split() == ["child", "True", "parent"] or (
        answer.stdout.split() == ["child", "False", "parent"])
    assert answer.result == "True"
    answer = kernel.execute("pid = os.fork()\nif not pid: sys.exit(7)\nos.waitstatus_to_exitcode("
                            "os.waitpid(pid, 0)[1])")
    assert answer.result == "7"
    answer = kernel.execute("pid = os.fork()\nif not pid: 1/0\nos.waitpid(pid, 0)[1] >> 8")
    assert answer.result == "1" and "ZeroDivisionError" in answer.stderr


def test_processes_left_are_noted(kernel):
    answer = kernel.execute("import subprocess\np = subprocess.Popen(['sleep', '30'])")
    assert answer.notes == ["1 process was still running when the cell ended."]
    assert kernel.execute("1").notes == []
    answer = kernel.execute("q = [subprocess.Popen(['sleep', '30']) for i in range(2)]")
    assert answer.notes == ["2 processes were still running when the cell ended."]
    assert kernel.execute("for r in [p] + q: r.kill(); r.wait()").notes == []


def test_recursion_limit(kernel):
    kernel.execute("import sys; sys.setrecursionlimit(60)")
    assert kernel.execute("def f(): f()\nf()").error["name"] == "RecursionError"
    assert kernel.execute("1").result == "1"


def test_wild_metadata_and_bundles(kernel):
    code = """
class W:
    def _repr_mimebundle_(self, include=None, exclude=None):
        deep = {}
        for i in range(200): deep = {'d': deep}
        return ({'text/plain': 'W', 'bad mime': 'x', 'text/html': 3, 'image/png': '%%%',
                 'application/json': {'nan': float('nan'), 1: object}, 3: 'x', 'text/x' * 99: 'y'},
                {'deep': deep, 'nan': float('nan')})
W()
"""
    answer = kernel.execute(code)
    data = answer.outputs[-1]["data"]
    assert data["text/plain"] == b"W" and set(data) <= {"text/plain", "application/json"}
    if "application/json" in data:
        json.loads(data["application/json"], parse_constant=lambda n: 1 / 0)
    assert kernel.execute("1").result == "1"


def test_too_large_a_display(kernel):
    code = ("class B:\n    def _repr_html_(self): return 'x' * (40 << 20)\n"
            "    def __repr__(self): return 'B'\nB()")
    answer = kernel.execute(code, timeout=60)
    assert answer.result == "B" and "text/html" not in answer.outputs[0]["data"]
    assert "text/html" in answer.notes[0]
    answer = kernel.execute("print('a'); 'x' * (40 << 20)", timeout=60)
    assert len(answer.result) <= 32 << 20 and answer.notes


def test_huge_error(kernel):
    answer = kernel.execute("raise ValueError('\\x01' * 1_000_000)")
    assert answer.error["name"] == "ValueError"
    answer = kernel.execute("class E(Exception): pass\nE.__name__ = 'x' * 1000000\nraise E")
    assert len(answer.error["name"]) < 300
    answer = kernel.execute("exec('\\n' * 3 + 'x' * 900000)")
    assert answer.error["name"] == "NameError"


def test_namespace_games(kernel):
    assert kernel.execute("globals().clear()").status == "ok"
    assert kernel.execute("1").result == "1"
    assert kernel.execute("import sys\nsys.modules.clear()").status == "ok"
    assert kernel.execute("2").result == "2"


# ---- interrupts --------------------------------------------------------------------------------

def wait_for(kernel, text):
    deadline = time.monotonic() + 60
    while text not in kernel.answer.stdout:
        assert time.monotonic() < deadline
        kernel._drain()
        time.sleep(0.005)


@pytest.mark.parametrize("body", [
    "while True: pass", "import time; time.sleep(60)", "import os; os.system('sleep 60')",
    "import asyncio; await asyncio.sleep(60)", "import subprocess; subprocess.run(['sleep', '60'])",
    "input()", "import threading; threading.Event().wait(60)",
])
def test_interrupt(kernel, body):
    kernel.begin("x = 7\nprint('go')\n" + body, ask=True)
    wait_for(kernel, "go")
    time.sleep(0.05)  # until it is in the call that is to be interrupted: nothing tells of that
    if body == "input()":
        kernel.on_input = lambda head: kernel.interrupt()  # answered by None: no line
    else:
        kernel.interrupt()
    while not kernel.step():
        pass
    if "os.system" not in body:  # the shell takes the signal, and its caller goes on
        assert kernel.answer.status == "interrupted"
        assert kernel.answer.error["name"] == "KeyboardInterrupt"
        # line 3, or still the print where the machine was busy
        assert re.search(r'  File "<cell 1>", line [23], in <module>', "\n".join(kernel.answer.error["traceback"]))
    assert kernel.execute("x").result == "7"


def test_interrupt_between_executions_is_dropped(kernel):
    kernel.execute("x = 1")
    kernel.interrupt()
    wait_until(lambda: not kernel.signal_pending(), what="the signal's delivery")
    assert kernel.execute("x").result == "1"


def test_interrupt_of_a_hanging_repr(kernel):
    kernel.begin("class H:\n    def __repr__(self):\n        print('go', flush=True)\n"
                 "        while True: pass\nH()")
    wait_for(kernel, "go")
    kernel.interrupt()
    while not kernel.step():
        pass
    assert kernel.answer.status == "interrupted"
    kernel.begin("class E(Exception):\n    def __str__(self):\n        print('go', flush=True)\n"
                 "        while True: pass\nraise E")
    wait_for(kernel, "go")
    kernel.interrupt()
    while not kernel.step():
        pass
    assert kernel.answer.error["name"] == "E"
    assert kernel.execute("1").result == "1"


def test_own_handler(kernel):
    kernel.execute("import signal, time\nseen = []\nsignal.signal(signal.SIGINT, lambda *a: (print('mine'), seen.append(1)))")
    kernel.begin("print('go')\nwhile not seen: time.sleep(.01)\n5")
    wait_for(kernel, "go")
    kernel.interrupt()
    while not kernel.step():
        pass
    assert kernel.answer.stdout == "go\nmine\n" and kernel.answer.result == "5"


# ---- processes ---------------------------------------------------------------------------------

def test_one_thread_unless_asked(kernel, needs):
    needs("sklearn", "threadpoolctl")
    code = ("import os, sklearn.cluster, scipy.linalg, threadpoolctl\n"
            "{t['num_threads'] for t in threadpoolctl.threadpool_info()}")
    assert kernel.execute(code, timeout=60).result == "{1}"
    assert kernel.execute("[n for n in os.environ if 'THREADS' in n]").result == "[]"
    assert kernel.execute("os.system('env | grep THREADS')").stdout == ""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(kernel, method):
    code = ("import multiprocessing as mp, math\nctx = mp.get_context(%r)\n"
            "with ctx.Pool(2) as p: r = p.map(math.sqrt, [1, 4, 9])\nr" % method)
    assert kernel.execute(code, timeout=60).result == "[1.0, 2.0, 3.0]"


def test_multiprocessing_runs_cell_functions(kernel):
    code = ("import multiprocessing as mp\ndef f(x):\n    print('in', x, flush=True)\n    return x * x\n"
            "with mp.get_context('fork').Pool(2) as p: r = p.map(f, [1, 2, 3])\nr")
    answer = kernel.execute(code, timeout=60)
    assert answer.result == "[1, 4, 9]" and sorted(answer.stdout.split()) == sorted("in1in2in3".replace(
        "in", " in ").split())
    code = ("from concurrent.futures import ProcessPoolExecutor\n"
            "with ProcessPoolExecutor(2, mp_context=mp.get_context('fork')) as p: r = list(p.map(f, [4]))\nr")
    assert kernel.execute(code, timeout=60).result == "[16]"


def test_joblib(kernel, needs):
    needs("joblib")
    code = "import joblib\ndef f(x): return x + 1\njoblib.Parallel(2)(joblib.delayed(f)(i) for i in range(3))"
    assert kernel.execute(code, timeout=60).result == "[1, 2, 3]"


# ---- scripts -----------------------------------------------------------------------------------

def script(kernel, code, *argv, **options):
    return kernel.execute(code, mode="script", argv=list(argv) or ["program.py"], **options)


def test_script(start, tmp_path):
    kernel = start("plain")
    code = ("import sys, atexit\nprint(__name__, __file__, sys.argv)\natexit.register(print, 'at exit')\n"
            "f = open('kept.txt', 'w'); f.write('unflushed')\n42")
    answer = script(kernel, code, "program.py", "a", "b")
    assert answer.stdout == "__main__ %s/program.py ['program.py', 'a', 'b']\nat exit\n" % tmp_path
    assert answer.done["status"] == "exit" and answer.done["exit_code"] == 0 and answer.result is None
    assert (tmp_path / "kept.txt").read_text() == "unflushed"


@pytest.mark.parametrize("code, exit_code, stderr, error", [
    ("import sys; sys.exit(3)", 3, "", None), ("raise SystemExit('bye')", 1, "bye\n", None),
    ("1/0", 1, "", "ZeroDivisionError"), ("x = = 1", 1, "", "SyntaxError"), ("exit()", 0, "", None),
    ("import sys; sys.exit(-1)", 255, "", None), ("import sys; sys.exit(True)", 1, "", None),
    ("!ls", 1, "", "SyntaxError")])
def test_script_exits(start, code, exit_code, stderr, error):
    answer = script(start("plain"), code)
    assert answer.done["status"] == "exit" and answer.stderr.replace("True\n", "") == stderr
    assert answer.done["exit_code"] == exit_code
    assert (answer.error or {}).get("name") == error


def test_script_traceback_and_stdin(start, tmp_path):
    answer = script(start("plain"), "def f():\n    return 1/0\nf()")
    assert answer.error["traceback"][1:3] == ['  File "%s/program.py", line 3, in <module>' % tmp_path,
                                              "    f()"]
    assert script(start("plain"), "print(input()[::-1])", "-", stdin=b"abc\n").stdout == "cba\n"


def test_script_waits_for_threads(start):
    code = ("import threading, time\ndef late():\n    time.sleep(.2)\n    print('late')\n"
            "threading.Thread(target=late).start()")
    assert script(start("plain"), code).stdout == "late\n"


# ---- variables ---------------------------------------------------------------------------------

def test_variables(kernel):
    kernel.execute("import sys, math\na = 1\nb = [1, 'x']\nc = {'k': (1, 2)}\n_hidden = 1\ns = 'x' * 1000\n"
                   "class T:\n    def __repr__(self): print('NO'); 1/0\nt = T()\nu = [t]\n"
                   "big = 10 ** 100000\ndef f(): pass\n3")
    found = {v["name"]: v for v in kernel.variables()}
    assert set(found) == {"a", "b", "c", "s", "T", "t", "u", "big", "f"}
    assert found["a"] == {"name": "a", "type": "int", "shape": None, "preview": "1"}
    assert found["b"] == {"name": "b", "type": "list", "shape": [2], "preview": "[1, 'x']"}
    assert found["c"]["preview"] == "{'k': (1, 2)}" and found["t"]["preview"] == "<T>"
    assert found["u"]["preview"] == "[<T>]" and len(found["s"]["preview"]) <= 201
    kernel.execute("for i in range(2000): globals()['v%d' % i] = 'y' * 500")
    found = kernel.variables()
    assert len(found) == 500 and all(len(v["preview"]) <= 201 for v in found)


def test_variables_of_tables(kernel, needs):
    needs("pandas")
    kernel.execute("import pandas as pd, numpy as np\ndf = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\n"
                   "s = df.a\nn = np.zeros((2, 3))\nf = np.float64(2)\no = np.array([object()])", timeout=60)
    found = {v["name"]: v for v in kernel.variables()}
    assert found["df"]["shape"] == [2, 2] and found["df"]["preview"].startswith("a (int64), b (")
    assert found["s"]["shape"] == [2] and found["s"]["preview"] == "int64 [1, 2]"
    assert found["n"]["shape"] == [2, 3] and found["n"]["preview"].startswith("float64 [0.0, 0.0")
    assert found["f"]["preview"] == "2.0" and found["o"]["preview"] == "object"


# ---- figures and tables ------------------------------------------------------------------------

def images(answer):
    return [o for o in answer.outputs if "image/png" in o.get("data", {})]


@pytest.mark.parametrize("use", ["", "import matplotlib; matplotlib.use('Agg')\n",
                                 "import matplotlib; matplotlib.use('TkAgg')\n",
                                 "import matplotlib; matplotlib.use('Qt5Agg', force=True)\n",
                                 "import os; os.environ['MPLBACKEND'] = 'TkAgg'\n",
                                 "import matplotlib.pyplot as plt; plt.switch_backend('TkAgg')\n",
                                 "%matplotlib inline\n", "%matplotlib notebook\n", "%matplotlib\n"])
def test_figures(kernel, needs, use):
    needs("matplotlib")
    code = use + ("import matplotlib.pyplot as plt\nfor i in range(3):\n    plt.figure()\n"
                  "    plt.plot([1, i])\n    plt.title('figure %d' % i)")
    answer = kernel.execute(code, timeout=60)
    assert len(answer.displays) == 3, answer.outputs
    assert all(d["image/png"].startswith(PNG) and d["text/plain"] == b"<Figure size 640x480 with 1 Axes>"
               for d in answer.displays)
    assert answer.stderr == "" and kernel.execute("1").displays == []


def test_a_bold_title_says_nothing_of_fallback_fonts(kernel, needs):
    needs("matplotlib")
    warm = "import matplotlib\nmatplotlib.rcParams['font.family'] = ['DejaVu Sans', 'Symbola']\n"
    answer = kernel.execute(warm + "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.title('t', fontweight='bold')\nplt.show()",
                            timeout=60)
    assert answer.status == "ok" and answer.stderr == "", answer.stderr


def test_show_shows_once(kernel, needs):
    needs("matplotlib")
    answer = kernel.execute("import matplotlib.pyplot as plt\nplt.plot([1])\nprint('a')\nplt.show()\n"
                            "print('b')\nplt.plot([2]);", timeout=60)
    assert [o["type"] for o in answer.outputs] == ["stdout", "display_data", "stdout", "display_data"]
    answer = kernel.execute("fig, ax = plt.subplots(); ax.plot([1]); fig")
    assert [o["type"] for o in answer.outputs] == ["execute_result"] and images(answer)
    answer = kernel.execute("fig, ax = plt.subplots(); ax.plot([1]); fig.show()")
    assert len(answer.displays) == 1 and answer.stderr == ""
    answer = kernel.execute("fig, ax = plt.subplots(); ax.plot([1]); display(fig)")
    assert len(answer.displays) == 1 and images(answer)
    answer = kernel.execute("fig = plt.figure()")
    assert [set(d) for d in answer.displays] == [{"text/plain"}]
    answer = kernel.execute("plt.plot([1]); plt.savefig('f.png'); plt.close()")
    assert answer.displays == []
    answer = kernel.execute("plt.plot([1]); 1/0")
    assert answer.error and len(answer.displays) == 1
    answer = kernel.execute("plt.title(r'$\\\\frac{$'); 3")
    assert answer.status == "error" and kernel.execute("3").displays == []


def test_figure_formats(start, needs):
    needs("matplotlib", "matplotlib_inline", "IPython")
    kernel = start("full")
    answer = kernel.execute("import matplotlib.pyplot as plt\n%config InlineBackend.figure_format = 'svg'\n"
                            "plt.plot([1]);", timeout=60)
    assert [set(d) for d in answer.displays] == [{"text/plain", "image/svg+xml"}], answer.outputs
    answer = kernel.execute("from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
                            "set_matplotlib_formats('retina')\nplt.plot([1]);")
    assert [set(d) for d in answer.displays] == [{"text/plain", "image/png"}]
    assert set(answer.outputs[0]["metadata"]["image/png"]) == {"width", "height"}


def test_pandas(kernel, needs):
    needs("pandas")
    answer = kernel.execute("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\ndf", timeout=60)
    data = answer.outputs[-1]["data"]
    assert data["text/plain"] == b"   a\n0  1\n1  2" and b"<table" in data["text/html"]
    answer = kernel.execute("df.a")
    assert answer.result == "0    1\n1    2\nName: a, dtype: int64"
    error = kernel.execute("df['nope']").error
    assert error["name"] == "KeyError" and error["traceback"][-1] == "KeyError: 'nope'"
    assert not any("site-packages" in line or "dist-packages" in line for line in error["traceback"])


def test_library_bundles(start, needs):
    needs("plotly", "altair", "PIL", "bokeh")
    kernel = start("full")
    answer = kernel.execute("from PIL import Image\nImage.new('RGB', (2, 2))", timeout=60)
    assert answer.outputs[0]["data"]["image/png"].startswith(PNG)
    answer = kernel.execute("import plotly.graph_objects as go\nfig = go.Figure(go.Bar(y=[1, 2]))\nfig",
                            timeout=60)
    figure = json.loads(answer.outputs[-1]["data"]["application/vnd.plotly.v1+json"])
    assert figure["data"][0]["type"] == "bar"
    answer = kernel.execute("fig.show()", timeout=60)
    assert "application/vnd.plotly.v1+json" in answer.displays[0]
    answer = kernel.execute("import altair as alt, pandas as pd\n"
                            "alt.Chart(pd.DataFrame({'a': [1]})).mark_bar().encode(x='a')", timeout=60)
    assert any("vega" in mime or mime == "text/html" for mime in answer.outputs[-1]["data"])
    answer = kernel.execute("import numpy as np\nnp.arange(3)")
    assert answer.result == "array([0, 1, 2])"


def test_aliases(kernel, needs):
    needs("bs4")
    assert kernel.execute("import beautifulsoup4\nbeautifulsoup4.BeautifulSoup.__name__",
                          timeout=60).result == "'BeautifulSoup'"


def test_plain_upgrades_and_keeps_state(start, needs):
    needs("IPython")
    kernel = start("plain")
    kernel.execute("x = 5\n1")
    assert kernel.execute("import sys; 'IPython' in sys.modules").result == "False"
    assert kernel.execute("%pwd").error is None
    assert kernel.execute("x, Out[1], _1, In[1]").result == "(5, 1, 1, 'x = 5\\n1')"
    assert kernel.execute("get_ipython().execution_count").result == "5"


def test_without_ipython(start):
    kernel = start("plain")
    kernel.execute("import sys\nclass No:\n    def find_spec(self, name, *rest):\n"
                   "        if name == 'IPython': raise ImportError\nsys.meta_path.insert(0, No())")
    answer = kernel.execute("class H:\n    def _repr_html_(self): return '<b>'\n"
                            "    def __repr__(self): return 'H'\nH()")
    assert answer.outputs[0]["data"] == {"text/plain": b"H", "text/html": b"<b>"}
    assert answer.notes == []
    assert len(kernel.execute("display(1, H())").displays) == 2
    answer = kernel.execute("%pwd")
    assert answer.error["name"] == "SyntaxError" and "no IPython" in answer.notes[0]
    assert kernel.execute("1 + 1").result == "2"


def test_nothing_is_written_to_the_workspace(kernel, tmp_path):
    kernel.execute("%pwd")
    kernel.execute("!true")
    kernel.execute("1")
    assert list(tmp_path.iterdir()) == []


# ---- rehearsal and warm-up ---------------------------------------------------------------------

def test_rehearsal_leaves_no_trace(kernel):
    kernel.rehearse()
    answer = kernel.execute("'x' in globals() or 'f' in globals() or '_' in dir(__builtins__)")
    assert answer.result == "False"
    assert kernel.execute("len(In), Out").result == "(3, {1: False})"
    assert kernel.execute("5").result == "5"
    assert kernel.execute("_").result == "5"


def test_warmup(start, tmp_path):
    path = tmp_path / "warm.py"
    path.write_text("import json\ncalls = []\ndef rehearse():\n    calls.append(1)\n    import decimal\n"
                    "    print('quiet')\n")
    kernel = start("full", warmup=str(path))
    assert kernel.execute("import sys; 'decimal' in sys.modules, 'calls' in globals()").result == (
        "(True, False)")
    kernel.rehearse()
    assert kernel.execute("1").stdout == ""


@pytest.mark.parametrize("code, named", [
    ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
     "thread"),
    ("import socket\ns = socket.socket()", "socket"),
    ("import select\ne = select.epoll()", "eventpoll"),
    ("import subprocess\np = subprocess.Popen(['sleep', '4'])", "child process")])
def test_warmup_that_leaves_something(start, tmp_path, code, named):
    path = tmp_path / "warm.py"
    path.write_text(code)
    with pytest.raises(AssertionError) as caught:
        start("full", warmup=str(path))
    assert "WarmupLeftovers" in str(caught.value) and named in str(caught.value)

"""The walls let data scientists work: what they use, each in a session behind all layers."""
import pytest

from support.api import Session

pytestmark = pytest.mark.data_science

WORKS = {
    "numpy": ("import numpy as np\nprint(np.linalg.inv(np.eye(200)).trace(), np.fft.fft(np.ones(8)).real.sum())", "200.0 8.0"),
    "scipy": ("from scipy import optimize\nprint(round(optimize.brentq(lambda x: x * x - 2, 0, 2), 6))", "1.414214"),
    "pandas": ("import pandas as pd\nd = pd.DataFrame({'a': range(6), 'b': list('xyxyxy')})\nd.to_parquet('t.parquet')\n"
               "print(pd.read_parquet('t.parquet').groupby('b').a.sum().tolist())", "[6, 9]"),
    "matplotlib with Agg": ("import matplotlib; matplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('a.png')\n"
                            "import os; print(os.path.getsize('a.png') > 1000)", "True"),
    "matplotlib with TkAgg": ("import matplotlib; matplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('b.png')\n"
                              "import os; print(os.path.getsize('b.png') > 1000); plt.close('all')", "True"),
    "scikit-learn with processes": ("from sklearn.datasets import load_iris\nfrom sklearn.ensemble import RandomForestClassifier\n"
                                    "from sklearn.model_selection import cross_val_score\nX, y = load_iris(return_X_y=True)\n"
                                    "print(cross_val_score(RandomForestClassifier(10, random_state=0), X, y, n_jobs=2).mean() > 0.9)", "True"),
    "joblib with processes": ("import joblib, os\nfound = joblib.Parallel(2)(joblib.delayed(os.getpid)() for _ in range(8))\n"
                              "print(len(found), os.getpid() in found)", "8 False"),  # where it gives up on processes, it works here
    "joblib with threads": ("import joblib\nprint(joblib.Parallel(2, prefer='threads')(joblib.delayed(abs)(-i) for i in range(4)))", "[0, 1, 2, 3]"),
    "multiprocessing": ("import multiprocessing as mp\ndef f(x): return x * x\nwith mp.get_context('fork').Pool(2) as pool: print(pool.map(f, range(4)))",
                        "[0, 1, 4, 9]"),
    "shared memory": ("from multiprocessing import shared_memory\ns = shared_memory.SharedMemory(create=True, size=1000)\ns.buf[0] = 7\n"
                      "t = shared_memory.SharedMemory(s.name)\nprint(t.buf[0]); t.close(); s.close(); s.unlink()", "7"),
    "subprocess": ("import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', 'print(6 * 7)'], text=True).strip())", "42"),
    "asyncio": ("import asyncio\nasync def main():\n    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1)\n"
                "    return (await p.communicate())[0]\nprint(await main())", "b'hi\\n'"),
    "sqlite3": ("import sqlite3\nd = sqlite3.connect('t.db')\nd.execute('pragma journal_mode=wal')\nd.execute('create table t (a)')\n"
                "d.execute('insert into t values (5)'); d.commit()\nprint(d.execute('select a from t').fetchone()[0])", "5"),
    "tempfile": ("import tempfile\nwith tempfile.NamedTemporaryFile() as f, tempfile.TemporaryFile() as g:\n    f.write(b'x'); g.write(b'y'); print(f.name[:5])", "/tmp/"),
    "a server and a client": ("import http.server, threading, urllib.request\ns = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
                              "threading.Thread(target=s.serve_forever, daemon=True).start()\n"
                              "print(urllib.request.urlopen(f'http://127.0.0.1:{s.server_port}/').status); s.shutdown()", "200"),
    "threads": ("import threading\nn = []\nts = [threading.Thread(target=n.append, args=(i,)) for i in range(50)]\n[t.start() for t in ts]; [t.join() for t in ts]\n"
                "print(len(n))", "50"),
    "signals": ("import os, signal, threading\nseen, rung = [], threading.Event()\nsignal.signal(signal.SIGUSR1, lambda *a: seen.append(a[0]))\n"
                "signal.signal(signal.SIGALRM, lambda *a: rung.set())\nos.kill(os.getpid(), signal.SIGUSR1)\n"
                "_ = signal.setitimer(signal.ITIMER_REAL, 0.01)\nprint(seen == [signal.SIGUSR1], rung.wait(30))", "True True"),
    "signals to others, and to init none": (
        "import multiprocessing as mp, os, psutil, signal, subprocess, time\np = mp.get_context('fork').Process(target=time.sleep, args=(1000,))\n"
        "p.start(); p.terminate(); p.join()\ns = subprocess.Popen('sleep 1000 & wait', shell=True, start_new_session=True)\n"
        "os.kill(s.pid, 0); os.killpg(s.pid, signal.SIGKILL)\ntry: os.kill(1, 0); said = 'no error'\n"
        "except PermissionError: said = psutil.pid_exists(1)\nprint(p.exitcode, s.wait(), said)", "-15 -9 True"),
    "mmap": ("import mmap\nopen('m', 'wb').write(bytes(8192))\nwith open('m', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m:\n    m[5] = 9; m.flush()\n"
             "print(open('m', 'rb').read()[5])", "9"),
    "psutil": ("import os, psutil\nv = psutil.virtual_memory()\nprint(v.total > v.available > 0, psutil.cpu_percent(0.05) >= 0, psutil.Process().pid == os.getpid(),\n"
               "      psutil.cpu_count() == os.cpu_count(), psutil.disk_usage('/mnt/data').total > 0)", "True True True True True"),
    "psutil's niceness, affinity and limits of itself": (
        "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', '''import psutil\np = psutil.Process()\np.nice(5)\n"
        "cores = p.cpu_affinity()\np.cpu_affinity(cores[-1:])\np.rlimit(psutil.RLIMIT_NOFILE, (64, 128))\n"
        "print(p.nice(), p.cpu_affinity() == cores[-1:], p.rlimit(psutil.RLIMIT_NOFILE))'''], text=True))", "5 True (64, 128)"),
    "oneself by number": (
        "import os, resource\nme, cores = os.getpid(), os.sched_getaffinity(0)\nos.sched_setaffinity(me, {min(cores)})\n"
        "print(os.sched_getaffinity(0) == {min(cores)})\nos.sched_setaffinity(me, cores)\n"
        "os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me))\n"
        "limits = resource.prlimit(me, resource.RLIMIT_NOFILE)\nprint(resource.prlimit(me, resource.RLIMIT_NOFILE, limits) == limits)", "True\nTrue"),
    "one's threads by number": (
        "import os, threading\nend = threading.Event()\nt = threading.Thread(target=end.wait); t.start()\ncores = os.sched_getaffinity(0)\n"
        "os.sched_setaffinity(t.native_id, {max(cores)}); os.setpriority(os.PRIO_PROCESS, t.native_id, 7)\n"
        "print(os.sched_getaffinity(t.native_id) == {max(cores)}, os.getpriority(os.PRIO_PROCESS, t.native_id), os.sched_getaffinity(0) == cores)\n"
        "end.set(); t.join()", "True 7 True"),
    "OpenMP bound to cores": (
        "import os, subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', '''import numpy as np\nfrom sklearn.cluster import KMeans\n"
        "X = np.random.default_rng(0).normal(size=(5000, 4)) + np.repeat([[0], [50]], 2500, axis=0)\n"
        "print(np.bincount(KMeans(2, n_init=1, random_state=0).fit_predict(X)).tolist())'''],\n"
        "    env={**os.environ, 'OMP_PROC_BIND': 'true', 'OMP_NUM_THREADS': '2'}, text=True))", "[2500, 2500]"),
    "free": ("import subprocess\nprint(subprocess.check_output(['free', '-b'], text=True).split()[6:8][0] == 'Mem:')", "True"),
    "nproc tells the truth": ("import os, subprocess\nprint(int(subprocess.check_output('nproc')) == len(os.sched_getaffinity(0)))", "True"),
    "!ls and %system": ("open('here.txt', 'w').close()\nfound = !ls here.txt\nmore = %system echo 5\nprint(found[0], more[0])", "here.txt 5"),
}


@pytest.fixture(scope="module")
def session(server):
    with server.client() as client:
        made = Session(client, environment="data-science")
        yield made
        made.delete()


@pytest.mark.parametrize("name", WORKS)
def test_it_works(session, name):
    code, says = WORKS[name]
    execution = session.run(code, timeout=60)
    assert execution["stdout"].strip() == says, execution["stderr"]


def test_two_thousand_values_in_a_row(new_session):
    """IPython keeps a thousand and says so, where nobody asked."""
    session = new_session(environment="data-science")
    for n in range(2000):
        execution = session.run(f"{n}")
        assert (execution["outputs"][0]["data"]["text/plain"], execution["stderr"]) == (f"{n}", ""), execution
    assert session.run("_ + 1")["outputs"][0]["data"]["text/plain"] == "2000"

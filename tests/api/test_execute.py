"""POST …/execute: one answer for one piece of code."""
import ast
import os
import re
import threading
import time

import pytest

from support import machine
from support.api import HELD, Running, Session, error_of

FIELDS = {"id", "object", "container_id", "created_at", "status", "state", "stdout", "stderr", "result", "outputs", "error", "files",
          "truncated", "notes", "duration_ms", "cpu_ms", "max_memory_bytes", "execution_count"}


def test_the_object(session):
    done = session.run("print('hello')\n1 + 1")
    assert set(done) == FIELDS
    assert re.fullmatch(r"exec_[0-9a-f]{32,}", done["id"]) and done["object"] == "container.execution"
    assert done["container_id"] == session.id and abs(done["created_at"] - time.time()) < 60
    assert done["status"] == "completed" and done["state"] == "kept"
    assert done["stdout"] == "hello\n" and done["stderr"] == "" and done["result"] == "2"
    assert done["outputs"] == [{"type": "stdout", "text": "hello\n"},
                               {"type": "execute_result", "data": {"text/plain": "2"}, "metadata": {}}]
    assert done["error"] is None and done["files"] == [] and done["truncated"] == [] and done["notes"] == []
    assert done["execution_count"] == 1 and done["duration_ms"] > 0
    assert (done["max_memory_bytes"] > 0) == (os.geteuid() == 0)  # lost without cgroups: nobody counts
    assert session.run("2")["execution_count"] == 2


def test_state_is_kept(session):
    session.run("x = 20\ndef f(a): return a * 2")
    assert session.run("f(x) + 2")["result"] == "42"


def test_no_value_is_null(session):
    assert session.run("x = 1")["result"] is None and session.run("None")["result"] is None
    assert session.run("1;")["result"] is None


def test_an_exception(session):
    done = session.run("def f():\n    raise ValueError('näh')\nf()", expect="error")
    assert done["state"] == "kept" and done["error"]["name"] == "ValueError" and done["error"]["value"] == "näh"
    assert done["error"]["traceback"][0] == "Traceback (most recent call last):"
    assert done["error"]["traceback"][-1] == "ValueError: näh"
    assert any(re.search(r'File "<cell 1>", line 2, in f', line) for line in done["error"]["traceback"])
    assert not any("\x1b" in line or "\n" in line for line in done["error"]["traceback"])
    assert done["outputs"][-1]["type"] == "error"
    assert {k: done["outputs"][-1][k] for k in ("name", "value", "traceback")} == done["error"]


@pytest.mark.parametrize("code, status", [("raise SystemExit", "completed"), ("import sys; sys.exit(0)", "completed"),
                                          ("import sys; sys.exit(3)", "error"), ("import sys; sys.exit('why')", "error")])
def test_sys_exit(session, code, status):
    session.run("kept = 1")
    done = session.run(code, expect=status)
    assert done["state"] == "kept" and (status == "completed") == (done["error"] is None)
    if status == "error":
        assert done["error"]["name"] == "SystemExit"
    assert session.run("kept")["result"] == "1"


def test_a_syntax_error(session):
    done = session.run("def :", expect="error")
    assert done["error"]["name"] == "SyntaxError" and done["state"] == "kept"


def test_order_of_outputs(session):
    done = session.run("import sys, subprocess\nprint('one')\nprint('two', file=sys.stderr)\n"
                       "subprocess.run(['echo', 'three'])\nprint('four')")
    assert "".join(o["text"] for o in done["outputs"]) == "one\ntwo\nthree\nfour\n"
    assert done["stdout"] == "one\nthree\nfour\n" and done["stderr"] == "two\n"


def test_timeout_keeps_state_when_it_can(session):
    session.run("x = 5")
    begun = time.monotonic()
    done = session.run("import time\nwhile True: time.sleep(0.01)", timeout=1, expect="timeout")
    assert time.monotonic() - begun < 60 and done["state"] == "kept"
    assert session.run("x")["result"] == "5"


def test_a_fraction_of_a_timeout(session):
    begun = time.monotonic()
    session.run("import time; time.sleep(100)", timeout=1.5, expect="timeout")
    assert 1.4 < time.monotonic() - begun < 60


def test_stdin(session):
    done = session.run("import sys\na = input()\nb = input('more? ')\nprint(a, b, sys.stdin.read(), sep='|')",
                       stdin="first\nsecond\nrest\nof it")
    assert done["stdout"].endswith("first|second|rest\nof it\n")
    assert session.run("input()", expect="error")["error"]["name"] == "EOFError"


def test_env_holds_for_one_execution(session):
    code = "import os, subprocess; print(os.environ.get('MINE'), subprocess.getoutput('echo $MINE'))"
    assert session.run(code, env={"MINE": "wert ü"})["stdout"] == "wert ü wert ü\n"
    assert session.run(code)["stdout"] == "None \n"


def test_empty_code(session):
    done = session.run("")
    assert done["status"] == "completed" and done["outputs"] == [] and done["result"] is None


def test_unicode_and_nul_in_output(session):
    done = session.run(r"print('a\0b', '😀', '\ud83d'.encode('utf-8', 'surrogatepass'))")
    assert "a\0b 😀" in done["stdout"]
    done = session.run(r"import os; os.write(1, b'\xff\xfe bytes \xe2\x82')")
    assert "bytes" in done["stdout"]


def test_a_display_of_several_kinds(session):
    done = session.run("class Rich:\n"
                       "    def _repr_html_(self): return '<b>rich</b>'\n"
                       "    def __repr__(self): return 'plain'\n"
                       "Rich()")
    assert done["outputs"][0]["data"] == {"text/plain": "plain", "text/html": "<b>rich</b>"} and done["result"] == "plain"


def test_files_that_changed(session):
    done = session.run("open('a', 'w').write('1')\nimport os; os.mkdir('d'); open('d/b', 'w').write('22'); open('.hidden', 'w')")
    assert {(f["path"], f["bytes"], f["change"]) for f in done["files"]} == \
        {("/mnt/data/a", 1, "created"), ("/mnt/data/d/b", 2, "created")}
    done = session.run("open('a', 'w').write('111')")
    assert [(f["path"], f["bytes"], f["change"]) for f in done["files"]] == [("/mnt/data/a", 3, "modified")]
    assert session.run("1")["files"] == []


def test_long_output_is_kept_whole_in_a_file(session):
    done = session.run("for i in range(100000): print(f'line {i}')")
    [cut] = done["truncated"]
    whole = "".join(f"line {i}\n" for i in range(100000))
    assert cut["stream"] == "stdout" and cut["total_bytes"] == len(whole) and cut["kept_bytes"] < 200_000
    assert done["stdout"].startswith("line 0\n") and done["stdout"].endswith("line 99999\n")
    assert session.download(cut["file_id"]).decode() == whole
    assert done["files"] == []


def test_executions_run_one_at_a_time_and_none_is_lost(new_session, server):
    session, answers = new_session(), []
    session.run("import time; log = []")

    def send(n):
        with server.client() as client:
            code = f"begun = time.monotonic(); time.sleep(0.1); log.append((begun, time.monotonic(), {n}))"
            answers.append((n, client.post(f"{session.path}/execute", json={"code": code}).status_code))
    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(n, 200) for n in range(4)]
    log = ast.literal_eval(session.run("log")["result"])
    assert sorted(n for _, _, n in log) == [0, 1, 2, 3]
    assert all(earlier[1] <= later[0] for earlier, later in zip(log, log[1:]))


def test_a_full_queue(fresh_server):
    small = fresh_server("--queue", "1")
    with small.client() as client:
        session = Session(client, environment="base")
        statuses, errors = [], []

        def send():
            with small.client() as own:
                answer = own.post(f"{session.path}/execute", json={"code": HELD})
                statuses.append(answer.status_code)
                if answer.status_code != 200:
                    errors.append((error_of(answer)["code"], "retry-after" in answer.headers))
        threads = [threading.Thread(target=send) for _ in range(5)]
        for thread in threads:
            thread.start()
        machine.wait_until(lambda: len(errors) == 3, 30, "the refusal of three of five")
        session.release()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200, 200, 429, 429, 429] and set(errors) == {("queue_full", True)}


def test_delete_ends_what_runs(new_session, server):
    session = new_session()
    running = Running(server, session, "import time; time.sleep(60)")
    session.delete()
    assert running.join()["status"] == "killed"


def test_a_death_is_told_and_the_next_one_is_fresh(session):
    session.run("x = 1")
    done = session.run("import os; os._exit(7)", expect="killed")
    assert done["state"] == "reset"
    done = session.run("x", expect="error")
    assert done["error"]["name"] == "NameError" and done["state"] == "kept"

"""kill -9 of each process in turn: what lives on, what ends, and that nothing is left behind."""
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from support import machine
from support.api import Session, brief, error_of
from support.machine import wait_until
from support.provider import Gate, Turn, python

pytestmark = pytest.mark.usefixtures("no_leaks")


def base_session(client, **fields):
    return Session(client, environment="base", **fields)


def collect_stream(session, code, received):
    """Follows a streamed execution until its end, however that comes."""
    try:
        for name, data in session.stream(code, timeout=120):
            received.append((name, data))
    except Exception as error:  # the server was killed under it
        received.append(("broken", error))


def test_server_killed_during_an_endless_print(fresh_server):
    """The address keeps answering, and the variables set before are still there."""
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        session.run("y = 42")
        session.upload("kept.txt", b"kept")
        received = []
        reader = threading.Thread(target=collect_stream, args=(
            session, "import itertools\nfor n in itertools.count(): print(n)", received))
        reader.start()
        wait_until(lambda: any(name == "execution.output" for name, _ in received), 10, "the first output")
        victim = server.server_process()
        os.kill(victim.pid, 9)

        # Not one connection is refused: the listener is the supervisor's.
        began, answered = time.monotonic(), False
        while not answered:
            assert time.monotonic() - began < 60, server.log()[-3000:]
            try:
                answered = client.get("/healthz", timeout=5).status_code == 200
            except Exception as error:
                assert "refused" not in str(error).lower(), error
        server.wait_for_next_server(victim)
        reader.join(30)
        assert not reader.is_alive(), "the stream of a dead server did not end"

        execution = wait_until(lambda: next((e for e in client.get(f"{session.path}/executions").json()["data"]
                                             if e["status"] == "interrupted"), None), 10, "the interrupted record")
        assert execution["notes"], brief(execution)
        after = session.run("print(y, open('kept.txt').read())", timeout=20)
        assert after["stdout"] == "42 kept\n", brief(after)
        assert after["state"] == "kept"


def test_server_killed_while_idle_loses_nothing(fresh_server):
    server = fresh_server()
    with server.client() as client:
        sessions = [base_session(client) for _ in range(5)]
        for number, session in enumerate(sessions):
            session.run(f"n = {number}")
        file_id = client.post("/v1/files", files={"file": ("a.txt", b"stored")}, data={"purpose": "user_data"}).json()["id"]
        server.kill_server()
        for number, session in enumerate(sessions):
            assert session.run("print(n)")["stdout"] == f"{number}\n"
            assert [e["status"] for e in client.get(f"{session.path}/executions").json()["data"]] == ["completed"] * 2
        assert client.get(f"/v1/files/{file_id}/content").content == b"stored"


def test_server_killed_ten_times(fresh_server):
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        for number in range(10):
            session.run(f"n = {number}")
            server.kill_server()
            assert session.run("print(n)")["stdout"] == f"{number}\n"


def test_acknowledged_executions_survive_the_server(fresh_server):
    """What was answered before the kill is there after it."""
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        done = [session.run(f"print({n})")["id"] for n in range(50)]
        server.kill_server()
        for number, execution_id in enumerate(done):
            assert client.get(f"{session.path}/executions/{execution_id}").json()["stdout"] == f"{number}\n"


def warden_of(server, session):
    """The warden above a session's processes."""
    inside = machine.in_pid_namespace(session.pid_namespace())
    wardens = {p.pid: p for p in server.named("warden")}
    return next(wardens[p.parent] for p in inside if p.parent in wardens)


@pytest.mark.data_science  # another ground beside it
def test_warden_killed_ends_its_ground_alone(fresh_server):
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        namespace = session.pid_namespace()
        warden = warden_of(server, session)
        below = machine.descendants(warden.pid)
        os.kill(warden.pid, 9)
        server.expect_gone(below, 2)
        assert not machine.in_pid_namespace(namespace)
        wait_until(lambda: session.retrieve().json()["status"] == "expired", 5, "the session's end in the API")
        answer = client.post(f"{session.path}/execute", json={"code": "1"})
        assert answer.status_code == 400 and error_of(answer)["code"] == "container_expired"
        again = wait_until(lambda: working(client), 30, "a new ground")
        again.delete()


def working(client):
    """A new session that runs code, or None while the ground is not back."""
    answer = client.post("/v1/containers", json={"name": "after", "environment": "base"})
    if answer.status_code != 200:
        assert answer.status_code in (500, 503), answer.text
        return None
    session = Session.__new__(Session)
    session.client, session.object, session.deleted = client, answer.json(), False
    session.id = session.object["id"]
    session.path = f"/v1/containers/{session.id}"
    assert session.run("print(7)")["stdout"] == "7\n"
    return session


@pytest.mark.data_science
def test_zygote_killed_ends_no_session(fresh_server):
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        session.run("y = 1")
        zygotes = server.zygotes()
        assert zygotes, "no zygote is running"
        for zygote in zygotes:
            os.kill(zygote.pid, 9)
        assert session.run("print(y)")["stdout"] == "1\n"
        wait_until(lambda: working(client), 60, "a new zygote").delete()
        assert session.run("print(y)")["stdout"] == "1\n"


def test_init_killed_ends_its_session_alone(fresh_server):
    server = fresh_server()
    with server.client() as client:
        session, other = base_session(client), base_session(client)
        other.run("y = 1")
        namespace = session.pid_namespace()
        init = next(p for p in machine.in_pid_namespace(namespace) if p.name == "cloche-init")
        os.kill(init.pid, 9)
        wait_until(lambda: not machine.in_pid_namespace(namespace), 2, "the end of the session's processes")
        wait_until(lambda: session.retrieve().json()["status"] == "expired", 5, "the session's end in the API")
        assert other.run("print(y)")["stdout"] == "1\n"
        assert client.delete(session.path).status_code == 200


def test_kernel_killed_from_outside(fresh_server):
    server = fresh_server()
    with server.client() as client:
        session = base_session(client)
        session.run("y = 1\nopen('f.txt', 'w').write('kept')")
        namespace = session.pid_namespace()
        for process in machine.in_pid_namespace(namespace):
            if process.name != "cloche-init":
                os.kill(process.pid, 9)
        # Who asks in the same instant may be the one who hears of it; nobody hears of it twice.
        look = "print('y' in globals(), open('f.txt').read())"
        execution = session.run(look, expect=None)
        assert execution["state"] == "reset"
        if execution["status"] == "killed":
            execution = session.run(look)
            assert execution["state"] == "kept"
        assert execution["status"] == "completed" and execution["stdout"] == "False kept\n"


@pytest.mark.data_science
def test_supervisor_killed_takes_everything_along(fresh_server, cloche):
    """Processes and mounts at once; empty cgroup directories by `doctor --sweep` or the next start."""
    mounts = machine.mounts()
    server = fresh_server()
    with server.client() as client:
        sessions = [base_session(client) for _ in range(3)]
        for session in sessions:
            session.run("import subprocess; subprocess.Popen(['sleep', '100000'])")
        namespaces = [session.pid_namespace() for session in sessions]
    family = server.kill()
    server.expect_gone(family, 2)
    assert not any(machine.in_pid_namespace(namespace) for namespace in namespaces)
    assert machine.mounts() <= mounts
    swept = subprocess.run([cloche, "doctor", "--sweep"], capture_output=True, text=True, timeout=60)
    assert not machine.cgroups_of(server.process.pid), swept.stdout + swept.stderr
    server.process = None


def test_next_start_after_a_killed_supervisor(fresh_server, tmp_path):
    state = tmp_path / "state"
    first = fresh_server(state=state)
    with first.client() as client:
        session = base_session(client)
        session.run("y = 1")
        file_id = client.post("/v1/files", files={"file": ("a.txt", b"stored")}, data={"purpose": "user_data"}).json()["id"]
    family = first.kill()
    first.expect_gone(family, 2)
    killed, first.process = first.process.pid, None

    second = fresh_server(state=state)
    with second.client() as client:
        assert client.get(f"/v1/files/{file_id}/content").content == b"stored"
        found = client.get(session.path).json()
        assert found["status"] == "expired"
        answer = client.post(f"{session.path}/execute", json={"code": "1"})
        assert answer.status_code == 400 and error_of(answer)["code"] == "container_expired"
        working(client).delete()
    second.stop()
    assert not machine.cgroups_of(killed)


def test_stop_lets_running_work_finish_in_its_time(fresh_server):
    server = fresh_server("--stop-timeout", "5")
    with server.client() as client:
        session = base_session(client)
        found = {}

        def work():
            found["answer"] = client.post(f"{session.path}/execute", json={
                "code": "print('begun', flush=True)\nimport time; time.sleep(1)\nprint('done')"})

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: server_busy(server, session), 10, "the execution")
        assert server.stop() == 0
        thread.join(30)
    assert found["answer"].json()["stdout"] == "begun\ndone\n"


def server_busy(server, session):
    with server.client() as client:
        found = client.get(f"{session.path}/executions").json()["data"]
        return any(e["status"] is None for e in found)


def test_stop_interrupts_what_does_not_end(fresh_server):
    server = fresh_server("--stop-timeout", "1")
    with server.client() as client:
        session = base_session(client)
        found = {}

        def work():
            found["answer"] = client.post(f"{session.path}/execute", json={"code": "while True: pass", "timeout": 100})

        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: server_busy(server, session), 10, "the execution")
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 60  # the code would run for 100 s
        thread.join(30)
    assert found["answer"].json()["status"] in ("interrupted", "killed")


@pytest.mark.root
def test_stop_ends_sessions_that_resist(fresh_server):
    """Code that ignores SIGINT, and a sandbox whose init has been stopped and answers nobody: the server still ends by
    itself, in the order and the time that docs/cli.md says, and both executions are answered."""
    server = fresh_server("--stop-timeout", "1")
    with server.client() as client:
        deaf, mute = base_session(client), base_session(client)
        found = {}

        def work(session, code):
            with server.client() as own:
                found[session.id] = own.post(f"{session.path}/execute", json={"code": code, "timeout": 100}).json()

        threads = [threading.Thread(target=work, args=each) for each in [
            (deaf, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n  try:\n    while True: pass\n"
                   "  except BaseException: pass"),
            (mute, "while True: pass")]]
        init = next(p for p in machine.in_pid_namespace(mute.pid_namespace()) if p.name.startswith("cloche-init"))
        for thread in threads:
            thread.start()
        for session in (deaf, mute):
            wait_until(lambda: server_busy(server, session), 10, "the execution")
        os.kill(init.pid, signal.SIGSTOP)
        begun = time.monotonic()
        assert server.stop(60) == 0
        assert time.monotonic() - begun < 11 * machine.patience()  # --stop-timeout and 10 s
        for thread in threads:
            thread.join(30)
    assert [(found[each.id]["status"], found[each.id]["state"]) for each in (deaf, mute)] == [("interrupted", "reset")] * 2, found
    assert "did not stop in time" not in server.log()


def test_second_server_on_one_state_names_the_holder(fresh_server, cloche, environments):
    server = fresh_server()
    begun = time.monotonic()
    second = subprocess.run([cloche, "serve", "--listen", "127.0.0.1:0", "--state", server.state, "--environments",
                             environments], capture_output=True, text=True, timeout=100)
    assert second.returncode != 0
    assert str(server.process.pid) in second.stderr
    assert 4 <= time.monotonic() - begun < 60


@pytest.mark.root
def test_full_state_disk(fresh_server, tmp_path):
    """507, not to be repeated; sessions, reads and deletes go on; writes resume with space."""
    disk = tmp_path / "disk"
    disk.mkdir()
    # a small disk in a mount namespace of the server's own: it ends with it
    prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
              f'mount -t tmpfs -o size=48m,mode=700 tmpfs {disk} && mkdir -p {disk}/state && exec "$@"', "sh"]
    server = fresh_server(state=disk / "state", prefix=prefix)
    with server.client() as client:
        session = base_session(client)
        session.run("y = 42")
        small = client.post("/v1/files", files={"file": ("a.txt", b"small")}, data={"purpose": "user_data"})
        assert small.status_code == 200, small.text

        filler = f"/proc/{server.process.pid}/root{disk}/filler"
        with open(filler, "wb") as f:
            try:
                while True:
                    f.write(bytes(1 << 16))
                    f.flush()
            except OSError:
                pass
        refused = client.post("/v1/files", files={"file": ("b.bin", os.urandom(4 << 20))}, data={"purpose": "user_data"})
        assert refused.status_code == 507, refused.text
        assert error_of(refused)["code"] == "insufficient_storage"
        assert refused.headers["x-should-retry"] == "false"

        assert client.get("/healthz").status_code == 200
        assert client.get(f"/v1/files/{small.json()['id']}/content").content == b"small"
        execution = client.post(f"{session.path}/execute", json={"code": "print(y)"})
        assert execution.status_code in (200, 507), execution.text
        assert client.delete(f"/v1/files/{small.json()['id']}").status_code == 200

        os.unlink(filler)
        again = client.post("/v1/files", files={"file": ("b.bin", b"x" * 100_000)}, data={"purpose": "user_data"})
        assert again.status_code == 200, again.text
        assert session.run("print(y)")["stdout"] == "42\n"


def test_ready_descriptor_and_two_listeners(fresh_server, tmp_path):
    import tempfile

    folder = tempfile.mkdtemp(prefix="cloche-test-")  # short: a socket's path has 107 bytes at most
    path = f"{folder}/cloche.sock"
    try:
        server = fresh_server(listen=("127.0.0.1:0", f"unix:{path}"))
        assert len(server.addresses) == 2
        found = subprocess.run(["curl", "-s", "--unix-socket", path, "http://localhost/healthz"],
                               capture_output=True, text=True, timeout=10)
        assert json.loads(found.stdout)["status"]
        assert os.stat(path).st_mode & 0o777 == 0o600
        server.stop()
    finally:
        if os.path.exists(path):
            os.unlink(path)
        os.rmdir(folder)


def test_server_killed_in_the_middle_of_fifty_runs(fresh_server, provider):
    """After it, every stored object is readable, each run is complete or failed with a reason, and nothing that was
    acknowledged is gone: Files, a conversation's items, what was asked, the code that ran and what it printed."""
    gate, told = Gate(), set()

    def answer(request):
        number = int(request.seen.items[0]["text"])
        if request.seen.round == 0:
            return Turn("Begun. ", python(f"print({number})"))
        told.add(number)
        return Turn("Ended.") if number % 5 == 0 else Turn("Half ", gate, "an answer.")

    scripted = provider(answer)
    server = fresh_server("--max-sessions", "100", env=scripted.environment("chat"))
    tool = {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": "256m"}}
    with server.client() as client:
        def begin(number):
            reply = client.post("/v1/responses", json={"model": scripted.environment("chat")["MODEL"],
                                                       "input": str(number), "background": True, "tools": [tool]})
            assert reply.status_code == 200, reply.text
            return reply.json()["id"]

        file_id = client.post("/v1/files", files={"file": ("a.txt", b"stored")}, data={"purpose": "user_data"}).json()["id"]
        conversation = client.post("/v1/conversations", json={"items": [{"role": "user", "content": "said"}]}).json()["id"]
        begun = {number: begin(number) for number in range(50)}
        # all code has run; every run but the ten that end stands in the middle of its last answer
        wait_until(lambda: gate.arrived >= 40 and len(told) == 50, 60, "all runs to be on their way")
        done = {n for n in begun if client.get(f"/v1/responses/{begun[n]}").json()["status"] == "completed"}
        server.kill_server()
        for number, response_id in begun.items():
            response = client.get(f"/v1/responses/{response_id}").json()
            assert response["status"] in ("completed", "failed"), brief(response)
            if number in done:
                assert response["status"] == "completed", brief(response)
            if response["status"] == "failed":
                assert "restarted" in response["error"]["message"], brief(response)
            calls = [item for item in response["output"] if item["type"] == "code_interpreter_call"]
            assert [call["code"] for call in calls] == [f"print({number})"], brief(response)
            asked = client.get(f"/v1/responses/{response_id}/input_items").json()["data"]
            assert [item["content"][0]["text"] for item in asked] == [str(number)]
            ran = client.get(f"/v1/containers/{calls[0]['container_id']}/executions").json()["data"]
            assert [(e["status"], e["stdout"]) for e in ran] == [("completed", f"{number}\n")], ran
        assert client.get(f"/v1/files/{file_id}/content").content == b"stored"
        items = client.get(f"/v1/conversations/{conversation}/items").json()["data"]
        assert [item["content"][0]["text"] for item in items] == ["said"]
        gate.open()
        again = client.get(f"/v1/responses/{begin(0)}").json()
        assert again["status"] in ("queued", "in_progress", "completed")

"""What nobody uses ends, by the clock: `expires_after` minutes after its last use, and not before."""
import os
import signal
import threading

import pytest

from support import clock, machine
from support.api import Session, brief, error_of, expect_gone

pytestmark = pytest.mark.root  # the clock is moved from outside


@pytest.fixture
def server(fresh_server):
    """Of the test's own: its clock is moved."""
    return fresh_server()


def container(client, minutes):
    return Session(client, environment="base", expires_after={"anchor": "last_active_at", "minutes": minutes})


def listed(session):
    """As the list has it: to ask for a container by its id is to use it."""
    containers = session.client.get("/v1/containers", params={"limit": 100}).json()["data"]
    return next(entry for entry in containers if entry["id"] == session.id)


def status(session):
    return listed(session)["status"]


def pass_time(server, client, seconds):
    """Time passes, and the housekeeper has looked at every container since: a container that had a minute
    to live is gone, and so is one that was made after it had begun to look."""
    clock.advance(server, seconds)
    for _ in range(2):
        witness = container(client, 1)
        clock.advance(server, 60)
        machine.wait_until(lambda: status(witness) == "expired", 10, "the witness's expiry")


def test_an_idle_container_expires(server):
    with server.client() as client:
        session, other = container(client, 10), container(client, 20)
        session.run("x = 1; open('a', 'w').write('x')")
        other.run("y = 2")
        namespace = session.pid_namespace()
        assert machine.in_pid_namespace(namespace)

        pass_time(server, client, 7 * 60)  # and two minutes of its own: nine
        assert status(session) == "running" and machine.in_pid_namespace(namespace)
        assert session.run("x")["result"] == "1"  # a use: the ten minutes begin anew
        pass_time(server, client, 7 * 60)
        assert status(session) == "running"

        clock.advance(server, 60)
        machine.wait_until(lambda: status(session) == "expired", 10, "the container's expiry")
        expect_gone(namespace)
        assert session.retrieve().json()["status_reason"] == "Nobody used it for 10 minutes."
        for method, rest, body in [("POST", "/execute", {"code": "x"}), ("GET", "/files", None), ("POST", "/interrupt", None),
                                   ("POST", "/restart", None), ("POST", "", {"memory_limit": "2g"}), ("GET", "/variables", None), ("POST", "/input", {"text": "x"})]:
            answer = client.request(method, session.path + rest, json=body)
            error = error_of(answer)
            assert (answer.status_code, error["code"]) == (400, "container_expired"), (method, rest, answer.text)
            assert error["message"] == "Container is expired. Nobody used it for 10 minutes."

        assert status(other) == "running" and other.run("y")["result"] == "2"  # it had 20
        assert client.delete(session.path).json()["deleted"] is True
        assert session.retrieve().status_code == 404


def test_a_container_that_computes_is_not_idle(server):
    with server.client() as client:
        session, found = container(client, 1), {}
        session.run("import os, time")
        namespace = session.pid_namespace()
        code = "while not os.path.exists('enough'): time.sleep(0.01)\n'done'"
        thread = threading.Thread(target=lambda: found.update(session.run(code, timeout=600)))
        thread.start()
        machine.wait_until(lambda: client.get(f"{session.path}/variables").json()["stale"], 10, "the execution's beginning")
        pass_time(server, client, 3 * 60)
        assert status(session) == "running" and machine.in_pid_namespace(namespace)
        session.upload("enough", b"")
        thread.join(20)
        assert found and found["status"] == "completed" and found["state"] == "kept", brief(found)


def test_who_only_watches_keeps_nothing_alive(server):
    """With touch=false none of the requests that a page repeats is a use; without it they are, as ever."""
    with server.client() as client:
        watched, used = container(client, 10), container(client, 10)
        for session in (watched, used):
            session.run("x = 1; print('seen'); open('a.txt', 'w').write('x')")
        file = watched.files()["/mnt/data/a.txt"]["id"]
        begun = listed(watched)["last_active_at"]
        looks = ["", "/variables", "/files", "/files?path=a.txt", f"/files/{file}", f"/files/{file}/content", "/archive",
                 "/executions", "/notebook"]
        for _ in range(2):
            pass_time(server, client, 4 * 60)
            assert status(used) == "running"
            used.retrieve()
            for look in looks:
                if status(watched) == "running":
                    answer = client.get(f"{watched.path}{look}{'&' if '?' in look else '?'}touch=false")
                    assert answer.status_code == 200, (look, answer.text)
                    assert listed(watched)["last_active_at"] == begun, look
        machine.wait_until(lambda: status(watched) == "expired", 10, "the watched container's expiry")
        assert status(used) == "running"

        for look in looks[:-2]:
            before = listed(used)["last_active_at"]
            clock.advance(server, 2)
            look = look.replace(file, used.files()["/mnt/data/a.txt"]["id"]) if file in look else look
            clock.advance(server, 2)
            answer = client.get(f"{used.path}{look}{'&' if '?' in look else '?'}touch=true")
            assert answer.status_code == 200 and listed(used)["last_active_at"] >= before + 4, look
        error = error_of(client.get(f"{used.path}/files?touch=no"))
        assert (error["code"], error["param"]) == ("invalid_value", "touch")


def test_a_long_look_is_no_use_either(server):
    """The housekeeper meets a session whose variables somebody waits for: that is not computing."""
    with server.client() as client:
        session = container(client, 10)
        session.run("x = 1")
        begun = listed(session)["last_active_at"]
        kernels = [p for p in machine.in_pid_namespace(session.pid_namespace()) if not p.name.startswith("cloche-init")]
        assert kernels
        clock.advance(server, 5 * 60)
        for kernel in kernels:
            os.kill(kernel.pid, signal.SIGSTOP)
        try:
            answer = client.get(f"{session.path}/variables?touch=false")  # waits three seconds for it
        finally:
            for kernel in kernels:
                os.kill(kernel.pid, signal.SIGCONT)
        assert answer.json()["stale"] is True
        assert listed(session)["last_active_at"] < begun + 60


def test_expiry_survives_the_servers_restart(server):
    """An expired container stays so, and its reason is told by the next server too."""
    with server.client() as client:
        session = container(client, 1)
        session.run("x = 1")
        assert client.post(session.path, json={"memory_limit": "2g"}).status_code == 200
        clock.advance(server, 61)
        machine.wait_until(lambda: status(session) == "expired", 10, "the container's expiry")
    server.stop()
    server.start()
    with server.client() as client:
        answer = client.post(f"{session.path}/execute", json={"code": "x"})
        assert answer.status_code == 400
        assert error_of(answer)["message"] == "Container is expired. Nobody used it for 1 minute."
        assert client.get(session.path).json()["memory_limit"] == "2g"  # raised while it lived

"""What nobody uses ends, by the clock: `expires_after` minutes after its last use, and not before."""
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


def status(session):
    """As the list has it: to ask for a container by its id is to use it."""
    listed = session.client.get("/v1/containers", params={"limit": 100}).json()["data"]
    return next(entry["status"] for entry in listed if entry["id"] == session.id)


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
                                   ("POST", "/restart", None), ("GET", "/variables", None), ("POST", "/input", {"text": "x"})]:
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


def test_expiry_survives_the_servers_restart(server):
    """An expired container stays so, and its reason is told by the next server too."""
    with server.client() as client:
        session = container(client, 1)
        session.run("x = 1")
        clock.advance(server, 61)
        machine.wait_until(lambda: status(session) == "expired", 10, "the container's expiry")
    server.stop()
    server.start()
    with server.client() as client:
        answer = client.post(f"{session.path}/execute", json={"code": "x"})
        assert answer.status_code == 400
        assert error_of(answer)["message"] == "Container is expired. Nobody used it for 1 minute."

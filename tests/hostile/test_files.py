"""Things that lie where an output file should be, and names that want to be paths."""
import threading

import pytest

from support.api import error_of


def listed(session):
    return {path.removeprefix("/mnt/data/") for path in session.files()}


@pytest.mark.parametrize("what, code", {
    "a link to a secret": "os.symlink('/etc/shadow', 'out.csv')",
    "a link to a process": "os.symlink('/proc/self/environ', 'out.csv')",
    "a link to a folder": "os.symlink('/etc', 'out.csv')",
    "a FIFO": "os.mkfifo('out.csv')",
    "a socket": "import socket; s = socket.socket(socket.AF_UNIX); s.bind('out.csv')",
    "a link to itself": "os.symlink('out.csv', 'out.csv')",
}.items())
def test_what_is_no_regular_file_is_no_output(session, what, code):
    execution = session.run("import os\nopen('real.csv', 'w').write('a,b')\n" + code)
    assert [entry["path"] for entry in execution["files"]] == ["/mnt/data/real.csv"], what
    assert listed(session) == {"real.csv"}


def test_a_device_cannot_be_made(session):
    execution = session.run("import os, stat\nos.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(8, 0))", expect="error")
    assert execution["error"]["name"] == "PermissionError"


def test_a_known_file_replaced_by_a_link_is_not_followed(session):
    made = session.run("open('report.txt', 'w').write('mine')")["files"][0]
    session.run("import os\nos.unlink('report.txt')\nos.symlink('/etc/passwd', 'report.txt')")
    answer = session.client.get(f"{session.path}/files/{made['id']}/content")
    assert answer.status_code == 404
    assert b"root:" not in answer.content


def test_a_folder_swapped_for_a_link_never_leads_out(session):
    """The race that a path check loses and openat2 wins."""
    session.run("import os\nos.mkdir('d'); open('d/passwd', 'w').write('mine')")
    file_id = session.files()["/mnt/data/d/passwd"]["id"]
    swapping = threading.Thread(target=lambda: session.run(
        "import os, time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n"
        "    os.rename('d', 'e'); os.symlink('/etc', 'd'); os.unlink('d'); os.rename('e', 'd')", timeout=10))
    swapping.start()
    while swapping.is_alive():
        answer = session.client.get(f"{session.path}/files/{file_id}/content")
        assert answer.status_code in (200, 400, 404)  # 400: something else than a regular file lies there
        assert answer.content == b"mine" if answer.status_code == 200 else b"root:" not in answer.content
    swapping.join()


@pytest.mark.parametrize("what, chain", {
    "too deep": "for _ in range(70): os.mkdir('d'); os.chdir('d')",
    "too long a path": "for _ in range(6): os.mkdir('d' * 250); os.chdir('d' * 250)",
}.items())
def test_a_folder_beyond_the_walk_keeps_nothing_that_is_gone_in_the_list(session, what, chain):
    """It cut each walk short, and a walk cut short forgot nothing: the list grew by each rename."""
    execution = session.run(f"import os\n{chain}\nos.chdir('/mnt/data')\n"
                            "for n in range(30): open(f'0-{n}', 'w').close()")
    for turn in range(3):
        session.run(f"for n in range(30): os.rename(f'{turn}-{{n}}', f'{turn + 1}-{{n}}')")
    assert listed(session) == {f"3-{n}" for n in range(30)}
    assert any("not listed" in note for note in execution["notes"]), what


def test_a_sparse_terabyte_is_allowed_inside_and_bounded_outside(session):
    execution = session.run("open('sparse.bin', 'wb').truncate(1 << 40)")
    assert session.run("print(2 + 2)")["stdout"] == "4\n"
    for entry in execution["files"]:
        answer = session.client.get(f"{session.path}/files/{entry['id']}/content", headers={"range": "bytes=0-9"})
        assert answer.status_code in (200, 206) or 400 <= answer.status_code < 500


def test_a_file_cut_short_while_it_is_read(session):
    made = session.run("open('big.bin', 'wb').write(b'x' * (64 << 20))")["files"][0]
    cutting = threading.Thread(target=lambda: session.run(
        "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end:\n"
        "    f = open('big.bin', 'r+b'); f.truncate(0); f.truncate(64 << 20); f.close()", timeout=10))
    cutting.start()
    outcomes = set()
    while cutting.is_alive():
        try:
            answer = session.client.get(f"{session.path}/files/{made['id']}/content", timeout=20)
            outcomes.add(answer.status_code)
            assert answer.status_code in (200, 400, 404, 409)
        except Exception as error:  # a body shorter than announced ends the connection, and says so
            outcomes.add(type(error).__name__)
            assert "peer closed" in str(error) or "disconnected" in str(error), error
    cutting.join()
    assert outcomes
    assert session.run("print(1)")["stdout"] == "1\n"


NAMES = {
    "climbing": "../up.txt", "climbing far": "../../../../etc/cron.d/evil", "absolute": "/etc/evil",
    "encoded": "%2e%2e%2fevil", "backslashes": "..\\..\\evil", "a dot": ".", "two dots": "..", "empty": "",
    "a NUL": "a\x00b.txt", "a newline": "a\r\nX-Evil: 1", "quotes": 'a"; filename="evil', "very long": "n" * 5000,
    "home": "~/.bashrc",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_never_become_paths_out(server, session, name):
    """Either refused, or it lies inside the workspace under some name."""
    import json

    import httpx

    boundary = "b0undary"
    body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"".encode()
            + NAMES[name].replace('"', "%22").encode() + b"\"\r\n\r\ncontent\r\n" + f"--{boundary}--\r\n".encode())
    answer = httpx.post(f"{server.url}{session.path}/files", content=body, trust_env=False, timeout=30,
                        headers={"content-type": f"multipart/form-data; boundary={boundary}"})
    if answer.status_code != 200:
        assert 400 <= answer.status_code < 500, answer.text
        assert error_of(answer)["code"]
    else:
        assert answer.json()["path"].startswith("/mnt/data/")
        assert "/../" not in answer.json()["path"] and not answer.json()["path"].endswith("/..")
    outside = json.loads(session.run(
        "import json, os\nprint(json.dumps([p for p in ('/etc/evil', '/etc/cron.d/evil', '/mnt/up.txt', '/up.txt')"
        " if os.path.exists(p)]))")["stdout"])
    assert outside == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\x00b", "..", "/"])
def test_the_path_field_stays_inside(session, path):
    answer = session.client.post(f"{session.path}/files", files={"file": ("x.txt", b"1")}, data={"path": path})
    if answer.status_code == 200:
        assert answer.json()["path"].startswith("/mnt/data/") and ".." not in answer.json()["path"]
    else:
        assert answer.status_code == 400 and error_of(answer)["code"]


@pytest.mark.parametrize("path", [
    "/v1/containers/../../etc/passwd", "/v1/containers/%2e%2e/%2e%2e/etc/passwd", "/v1/files/..%2f..%2fetc%2fpasswd/content",
    "/v1/containers/cntr_%00/files", "/../etc/passwd", "//etc/passwd", "/v1/containers/" + "a" * 3000,
])
def test_paths_of_requests_never_reach_files(server, path):
    from support import wire

    raw = wire.exchange(server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answers = wire.replies(raw)
    assert len(answers) == 1 and 400 <= answers[0].status < 500
    assert b"root:" not in raw


def test_upload_over_a_link_replaces_the_link(session):
    session.run("import os\nopen('victim.txt', 'w').write('keep')\nos.symlink('victim.txt', 'link.txt')")
    session.upload("link.txt", b"new")
    assert session.run("print(open('victim.txt').read(), open('link.txt').read())")["stdout"] == "keep new\n"


def test_upload_over_the_quota_leaves_nothing(session):
    answer = session.client.post(f"{session.path}/files", files={"file": ("huge.bin", bytes(600 << 20))}, timeout=100)
    assert answer.status_code in (400, 413), answer.text
    assert error_of(answer)["code"] in ("scratch_full", "payload_too_large")
    assert listed(session) == set()
    assert session.run("import os; print(os.listdir('/mnt/data'))")["stdout"] == "[]\n"


@pytest.mark.parametrize("container", ["cntr_unknown", "cntr_" + "0" * 48, "x", "%ff"])
@pytest.mark.parametrize("method, rest", [
    ("GET", ""), ("DELETE", ""), ("GET", "/files"), ("POST", "/execute"), ("POST", "/interrupt"), ("POST", "/restart"),
    ("GET", "/variables"), ("GET", "/executions"), ("GET", "/archive"),
])
def test_unknown_sessions(client, container, method, rest):
    body = {"json": {"code": "1"}} if rest == "/execute" else {}
    answer = client.request(method, f"/v1/containers/{container}{rest}", **body)
    assert answer.status_code == 404 or (container == "%ff" and answer.status_code == 400)
    assert error_of(answer)["message"]


def test_deleted_session_is_unknown(new_session):
    session = new_session()
    session.delete()
    answer = session.client.post(f"{session.path}/execute", json={"code": "1"})
    assert answer.status_code == 404


BAD_CODE = {
    "a NUL": ({"code": "print(1)\x00"}, 400), "no code": ({}, 400), "code that is a number": ({"code": 1}, 400),
    "code that is null": ({"code": None}, 400), "timeout of zero": ({"code": "1", "timeout": 0}, 400),
    "timeout that is text": ({"code": "1", "timeout": "soon"}, 400), "timeout beyond bounds": ({"code": "1", "timeout": 10**9}, 400),
    "negative timeout": ({"code": "1", "timeout": -1}, 400), "an unknown field": ({"code": "1", "tiemout": 1}, 400),
    "env that is a list": ({"code": "1", "env": ["A"]}, 400), "env with a NUL": ({"code": "1", "env": {"A": "b\x00c"}}, 400),
    "env with an equals sign": ({"code": "1", "env": {"A=B": "c"}}, 400), "stdin that is a number": ({"code": "1", "stdin": 5}, 400),
    "code of two megabytes": ({"code": "#" * (2 << 20)}, (400, 413)), "a later feature": ({"code": "1", "tests": []}, 400),
}


@pytest.mark.parametrize("name", BAD_CODE)
def test_bad_execute_bodies(session, name):
    body, status = BAD_CODE[name]
    answer = session.client.post(f"{session.path}/execute", json=body)
    wanted = status if isinstance(status, tuple) else (status,)
    if name == "a NUL" and answer.status_code == 200:
        # Python itself refuses it as a SyntaxError or ValueError: as clear an answer
        assert answer.json()["status"] == "error"
        return
    assert answer.status_code in wanted, answer.text
    assert error_of(answer)["code"]
    assert session.run("print(1)")["stdout"] == "1\n"

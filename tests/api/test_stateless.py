"""POST /v1/execute: code without a session."""
import base64

import pytest

from support import machine
from support.api import error_of, events


def run(client, code, expect="completed", **fields):
    answer = client.post("/v1/execute", json={"code": code, **fields})
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert done["status"] == expect, done
    assert done["container_id"] is None and done["object"] == "container.execution"
    return done


def encoded(content):
    return base64.b64encode(content).decode()


def test_the_simplest(client):
    done = run(client, "print(6 * 7)")
    assert done["stdout"] == "42\n" and done["state"] == "kept" and done["error"] is None


def test_nothing_is_shared(client):
    run(client, "x = 1; open('a', 'w').write('x'); open('/tmp/b', 'w').write('x'); open('/dev/shm/c', 'w').write('x')")
    done = run(client, "import os; print('x' in globals(), os.listdir('/mnt/data'), os.listdir('/tmp'), os.listdir('/dev/shm'))")
    assert done["stdout"] == "False [] [] []\n"


def test_files_in_and_out(client):
    done = run(client, "data = open('in.txt').read()\nopen('out.txt', 'w').write(data.upper())\nopen('sub/x.bin', 'rb').read()",
               files=[{"name": "in.txt", "content": encoded(b"hello")}, {"name": "sub/x.bin", "content": encoded(bytes(range(4)))}])
    assert done["result"] == r"b'\x00\x01\x02\x03'"
    [made] = done["files"]
    assert made["path"] == "/mnt/data/out.txt" and made["change"] == "created" and made["bytes"] == 5
    assert base64.b64decode(made["content"]) == b"HELLO"


def test_a_file_by_id(client):
    kept = client.post("/v1/files", files={"file": ("a", b"from files")}, data={"purpose": "user_data"}).json()
    assert run(client, "open('b.txt').read()", files=[{"name": "b.txt", "file_id": kept["id"]}])["result"] == "'from files'"
    client.delete(f"/v1/files/{kept['id']}")


def test_two_of_one_name(client):
    files = [{"name": "a.txt", "content": encoded(b"%d" % n)} for n in range(3)]
    assert run(client, "import os; sorted(os.listdir('.'))", files=files)["result"] == "['a (2).txt', 'a (3).txt', 'a.txt']"


def test_keep_files(client):
    done = run(client, "open('kept.bin', 'wb').write(bytes(9000000))", keep_files=True)
    [made] = done["files"]
    assert "content" not in made and made["file_id"].startswith("file-")
    kept = client.get(f"/v1/files/{made['file_id']}").json()
    assert kept["bytes"] == 9000000 and kept["filename"] == "kept.bin"
    assert client.get(f"/v1/files/{made['file_id']}/content").content == bytes(9000000)
    client.delete(f"/v1/files/{made['file_id']}")


def test_content_is_bounded(client):
    done = run(client, "open('big', 'wb').write(bytes(9000000)); open('small', 'w').write('x')")
    found = {f["path"]: f["content"] for f in done["files"]}
    assert found == {"/mnt/data/big": None, "/mnt/data/small": encoded(b"x")}
    assert any("8 MiB" in note for note in done["notes"])


def test_a_stream(client):
    with client.stream("POST", "/v1/execute", json={"code": "print('hi')\nopen('f', 'w').write('x')", "stream": True}) as answer:
        found = list(events(answer))
    assert [found[0][0], found[-1][0]] == ["execution.started", "execution.completed"]
    done = found[-1][1]["execution"]
    assert done["stdout"] == "hi\n" and done["container_id"] is None
    assert done["files"][0]["content"] == encoded(b"x")


def test_env_stdin_timeout(client):
    assert run(client, "import os; print(input(), os.environ['A'])", stdin="in\n", env={"A": "b"})["stdout"] == "in b\n"
    run(client, "while True: pass", timeout=1, expect="timeout")


@pytest.mark.limits
def test_memory_limit(client):
    answer = client.post("/v1/execute", json={"code": "x = bytearray(600 << 20)", "memory_limit": "256m"})
    assert answer.json()["status"] == "out_of_memory" and answer.json()["state"] == "reset", answer.text


@pytest.mark.data_science
def test_the_environment_follows_the_imports(client):
    assert run(client, "import pandas as pd; len(pd.DataFrame({'a': [1, 2]}))")["result"] == "2"


@pytest.mark.parametrize("files, code, param", [
    ("x", "invalid_type", "files"), (["x"], "invalid_type", "files[0]"), ([{}], "missing_required_parameter", "files[0].name"),
    ([{"name": "a"}], "missing_required_parameter", "files[0].content"),
    ([{"name": "a", "content": "not base64!"}], "invalid_value", "files[0].content"),
    ([{"name": "a", "content": 5}], "invalid_type", "files[0].content"),
    ([{"name": "a", "content": "", "file_id": "file-x"}], "invalid_value", "files[0].content"),
    ([{"name": "a", "content": "", "contents": ""}], "unknown_parameter", "files[0].contents"),
    ([{"name": "../a", "content": ""}], "invalid_value", "files[0].name"),
    ([{"name": "/etc/passwd", "content": ""}], "invalid_value", "files[0].name"),
    ([{"name": "", "content": ""}], "invalid_value", "files[0].name"),
    ([{"name": "a\0b", "content": ""}], "invalid_value", "files[0].name"),
    ([{"name": "ok", "content": ""}, {"name": "..", "content": ""}], "invalid_value", "files[1].name"),
])
def test_bad_files(client, files, code, param):
    answer = client.post("/v1/execute", json={"code": "1", "files": files})
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert (error["code"], error["param"]) == (code, param), error


def test_an_unknown_file(client):
    answer = client.post("/v1/execute", json={"code": "1", "files": [{"name": "a", "file_id": "file-none"}]})
    assert answer.status_code == 404 and error_of(answer)["message"] == "No such File object: file-none"


@pytest.mark.parametrize("field, value, code", [
    ("environment", "none-such", "environment_not_built"), ("memory_limit", "lots", "invalid_value"),
    ("keep_files", "yes", "invalid_type"), ("tests", [{"name": "a", "code": "1"}], "unsupported_parameter"),
    ("keep_file", True, "unknown_parameter"),
])
def test_bad_fields(client, field, value, code):
    answer = client.post("/v1/execute", json={"code": "1", field: value})
    assert answer.status_code == 400 and error_of(answer)["code"] == code, answer.text


def test_a_client_that_goes_away_ends_it(server):
    def sleepers():
        return [p for p in server.processes() if p.name == "sleep"]
    code = "import subprocess; print('begun', flush=True); subprocess.run(['sleep', '77'])"
    with server.client() as own, own.stream("POST", "/v1/execute", json={"code": code, "stream": True, "timeout": 120}) as answer:
        for name, _ in events(answer):
            if name == "execution.output":
                break
        machine.wait_until(sleepers, 5, "the code's subprocess")
    machine.wait_until(lambda: not sleepers(), 8, "the end of code whose client has gone")

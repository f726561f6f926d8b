"""Files of a session: up, down, listed, replaced, and everything that may not be a name or a file."""
import re

import pytest

from support.api import error_of


def test_the_object(session):
    made = session.upload("a.csv", b"1,2\n")
    assert re.fullmatch(r"cfile_[0-9a-f]{32}", made["id"])
    assert made == {"id": made["id"], "object": "container.file", "created_at": made["created_at"], "bytes": 4,
                    "container_id": session.id, "path": "/mnt/data/a.csv", "filename": "a.csv", "source": "user"}
    assert session.client.get(f"{session.path}/files/{made['id']}").json() == made
    assert session.download(made["id"]) == b"1,2\n"
    assert session.run("print(open('a.csv').read(), end='')")["stdout"] == "1,2\n"


def test_what_code_makes_is_listed(session):
    execution = session.run("open('made.txt', 'w').write('x' * 10)")
    entry = session.files()["/mnt/data/made.txt"]
    assert entry["source"] == "assistant" and entry["bytes"] == 10
    assert [f["id"] for f in execution["files"]] == [entry["id"]]
    assert execution["files"][0]["change"] == "created"


def test_content_is_typed_and_never_run(session):
    session.run("open('page.html', 'w').write('<script>alert(1)</script>')\nopen('p.png', 'wb').write(b'x')")
    files = session.files()
    for path, media in [("/mnt/data/page.html", "text/html"), ("/mnt/data/p.png", "image/png")]:
        answer = session.client.get(f"{session.path}/files/{files[path]['id']}/content")
        assert answer.headers["content-type"].startswith(media)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


def test_delete(session):
    made = session.upload("a.csv", b"x")
    answer = session.client.delete(f"{session.path}/files/{made['id']}")
    assert answer.json() == {"id": made["id"], "object": "container.file.deleted", "deleted": True}
    for method, path in [("GET", ""), ("GET", "/content"), ("DELETE", "")]:
        answer = session.client.request(method, f"{session.path}/files/{made['id']}{path}")
        assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"
    assert session.run("import os; os.listdir('.')")["result"] == "[]"


def test_the_same_name_again(session):
    first, second = session.upload("a", b"old"), session.upload("a", b"newer")
    assert first["id"] != second["id"] and list(session.files()) == ["/mnt/data/a"]
    assert session.download(second["id"]) == b"newer"
    assert session.client.get(f"{session.path}/files/{first['id']}/content").status_code == 404


def test_an_id_stays_while_the_content_stays(session):
    made = session.upload("a", b"old")
    session.run("open('a').read()")
    assert session.files()["/mnt/data/a"]["id"] == made["id"]
    session.run("open('a', 'w').write('new')")
    assert session.files()["/mnt/data/a"]["id"] != made["id"]


@pytest.mark.parametrize("path, where", [("sub/dir/a.txt", "/mnt/data/sub/dir/a.txt"), ("/mnt/data/b/a.txt", "/mnt/data/b/a.txt"),
                                         ("renamed.txt", "/mnt/data/renamed.txt")])
@pytest.mark.parametrize("first", ["path", "file"])
def test_a_path(session, path, where, first):
    parts = {"path": b'content-disposition: form-data; name="path"\r\n\r\n' + path.encode(),
             "file": b'content-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'}
    order = [first, "file" if first == "path" else "path"]
    body = b"".join(b"--XX\r\n" + parts[name] + b"\r\n" for name in order) + b"--XX--\r\n"
    answer = session.client.post(f"{session.path}/files", content=body,
                                 headers={"content-type": "multipart/form-data; boundary=XX"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["path"] == where and list(session.files()) == [where]
    assert session.run(f"print(open({where!r}).read())")["stdout"] == "hello\n"


def test_a_large_file_lands_whole_and_a_late_path_is_refused(session):
    content = bytes(range(256)) * (6 << 12)  # 6 MiB
    made = session.upload("big.bin", content, path="deep/big.bin")  # httpx sends path first
    assert made["path"] == "/mnt/data/deep/big.bin" and session.download(made["id"]) == content
    body = (b'--XX\r\ncontent-disposition: form-data; name="file"; filename="late.bin"\r\n\r\n' + content +
            b'\r\n--XX\r\ncontent-disposition: form-data; name="path"\r\n\r\nlate/x\r\n--XX--\r\n')
    answer = session.client.post(f"{session.path}/files", content=body,
                                 headers={"content-type": "multipart/form-data; boundary=XX"})
    assert answer.status_code == 400 and error_of(answer)["param"] == "path"
    assert list(session.files()) == ["/mnt/data/deep/big.bin"]


@pytest.mark.parametrize("path", ["../up", "a/../../up", "/etc/passwd", "/mnt/data", "/mnt/data/", "..", ".", "a//b", "a/./b",
                                  "x" * 300, "a/" * 3000 + "b", "/tmp/x", "/mnt/data/../x"])
def test_paths_that_may_not_be(session, path):
    answer = session.client.post(f"{session.path}/files", files={"file": ("a", b"x")}, data={"path": path})
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["param"] == "path"
    assert session.files() == {}


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a\0b", "..", "%00"])
def test_paths_in_a_query(session, path):
    answer = session.client.get(f"{session.path}/files", params={"path": path})
    if path == "%00":  # sent as %2500: a name like any other, and nobody's
        assert answer.json()["data"] == []
    else:
        assert answer.status_code == 400, answer.text
        error_of(answer)


def test_percent_encoding_is_decoded_once(session):
    made = session.upload("a%2Fb.txt", b"x")
    assert made["path"] == "/mnt/data/a%2Fb.txt"
    found = session.client.get(f"{session.path}/files", params={"path": "a%2Fb.txt"}).json()["data"]
    assert [entry["id"] for entry in found] == [made["id"]]


def test_one_by_path(session):
    made = session.upload("a.txt", b"x", path="d/a.txt")
    session.upload("b.txt", b"x")
    for path in ("d/a.txt", "/mnt/data/d/a.txt"):
        answer = session.client.get(f"{session.path}/files", params={"path": path}).json()
        assert [entry["id"] for entry in answer["data"]] == [made["id"]] and answer["has_more"] is False
    answer = session.client.get(f"{session.path}/files", params={"path": "none"}).json()
    assert answer == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_by_file_id(session, encoding):
    client = session.client
    kept = client.post("/v1/files", files={"file": ("kept.txt", b"kept")}, data={"purpose": "user_data"}).json()
    if encoding == "json":
        answer = client.post(f"{session.path}/files", json={"file_id": kept["id"]})
    else:
        answer = client.post(f"{session.path}/files", files={"file_id": (None, kept["id"])})
    assert answer.status_code == 200, answer.text
    assert answer.json()["path"] == "/mnt/data/kept.txt" and answer.json()["source"] == "user"
    client.delete(f"/v1/files/{kept['id']}")
    assert session.download(answer.json()["id"]) == b"kept"  # a copy


@pytest.mark.parametrize("body, status, param", [
    ({}, 400, "file"), ({"file_id": None}, 400, "file"), ({"file_id": 5}, 400, "file_id"),
    ({"file_id": "file-none"}, 404, "file_id"), ({"file_id": "../x"}, 404, "file_id"), ({"file_id": "x" * 1000}, 400, "file_id"),
])
def test_bad_file_ids(session, body, status, param):
    answer = session.client.post(f"{session.path}/files", json=body)
    assert answer.status_code == status and error_of(answer)["param"] == param, answer.text


def test_neither_of_both_and_both(session):
    client = session.client
    kept = client.post("/v1/files", files={"file": ("kept.txt", b"kept")}, data={"purpose": "user_data"}).json()
    both = client.post(f"{session.path}/files", files={"file": ("a", b"x")}, data={"file_id": kept["id"]})
    assert both.status_code == 400 and session.files() == {}
    nothing = client.post(f"{session.path}/files", files={"else": ("a", b"x")})
    assert nothing.status_code == 400 and error_of(nothing)["code"] == "missing_required_parameter"
    client.delete(f"/v1/files/{kept['id']}")


@pytest.mark.parametrize("name, code", [
    ("link", "import os; os.symlink('/etc/passwd', 'link')"),
    ("fifo", "import os; os.mkfifo('fifo')"),
    ("socket", "import socket; s = socket.socket(socket.AF_UNIX); s.bind('socket')"),
    ("folder", "import os; os.mkdir('folder')"),
])
def test_what_is_no_regular_file_is_not_there(session, name, code):
    session.run(code)
    assert f"/mnt/data/{name}" not in session.files()
    found = session.client.get(f"{session.path}/files", params={"path": name})
    assert found.status_code in (200, 400) and not found.json().get("data")


def test_a_link_in_the_place_of_a_listed_file(session):
    session.run("open('a', 'w').write('mine')")
    identifier = session.files()["/mnt/data/a"]["id"]
    session.run("import os; os.remove('a'); os.symlink('/etc/passwd', 'a')")
    answer = session.client.get(f"{session.path}/files/{identifier}/content")
    assert answer.status_code in (400, 404) and b"root:" not in answer.content


def test_an_upload_replaces_a_link_and_not_its_target(session):
    session.run("import os; open('target', 'w').write('old'); os.symlink('target', 'name')")
    session.upload("name", b"new")
    assert session.run("print(open('target').read(), open('name').read())")["stdout"] == "old new\n"


def test_a_folder_in_the_way(session):
    session.run("import os; os.mkdir('taken')")
    answer = session.client.post(f"{session.path}/files", files={"file": ("taken", b"x")})
    assert answer.status_code == 400, answer.text
    error_of(answer)


def test_a_file_where_a_folder_would_have_to_be(session):
    session.upload("a", b"x")
    for content in (b"y", b"y" * (5 << 20)):
        answer = session.client.post(f"{session.path}/files", files={"file": ("b", content)}, data={"path": "a/b"})
        assert answer.status_code == 400 and error_of(answer)["code"] == "invalid_value", answer.text
    assert list(session.files()) == ["/mnt/data/a"]


def test_a_sparse_terabyte(session):
    session.run("f = open('sparse', 'wb'); f.truncate(1 << 40); f.close()", expect=None)
    entry = session.files().get("/mnt/data/sparse")
    if entry:
        answer = session.client.get(f"{session.path}/files/{entry['id']}/content")
        assert answer.status_code == 413 and error_of(answer)["code"] == "payload_too_large"
    assert session.run("1 + 1")["result"] == "2"


def test_an_upload_over_the_quota(new_session):
    session = new_session(memory_limit="128m")
    answer = session.client.post(f"{session.path}/files", files={"file": ("big", b"x" * (100 << 20))})
    assert answer.status_code in (400, 413), answer.text
    assert error_of(answer)["code"] in ("scratch_full", "payload_too_large")
    assert session.files() == {}
    assert session.run("1 + 1")["result"] == "2"
    assert session.upload("small", b"x" * 1000)["bytes"] == 1000


def test_names_that_no_client_could_read(session):
    """Not UTF-8, or with control characters: never listed, and a note says so."""
    done = session.run(r"""open(b'bad\xff\xfe name', 'w').write('x'); open('new\nline', 'w').write('y'); open('表 "1".csv', 'w')""")
    assert [entry["path"] for entry in done["files"]] == ['/mnt/data/表 "1".csv']
    assert list(session.files()) == ['/mnt/data/表 "1".csv']
    assert done["notes"]


def test_unknown_files(session):
    for identifier in ("cfile_none", "cfile_" + "0" * 32, "a%2Fb", "x" * 200):
        answer = session.client.get(f"{session.path}/files/{identifier}/content")
        assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"


def test_files_of_one_session_are_not_anothers(new_session):
    mine, other = new_session(), new_session()
    made = mine.upload("a", b"x")
    assert other.client.get(f"{other.path}/files/{made['id']}").status_code == 404
    assert other.client.delete(f"{other.path}/files/{made['id']}").status_code == 404
    assert mine.download(made["id"]) == b"x"

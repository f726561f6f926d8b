"""GET …/archive: everything in the workspace as one zip."""
import io
import zipfile

import httpx

from support.api import error_of


def archive(session):
    answer = session.client.get(f"{session.path}/archive")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{session.id}.zip"'
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return {name: found.read(name) for name in found.namelist()}


def test_an_empty_workspace(session):
    assert archive(session) == {}


def test_what_lies_in_it(session):
    big = bytes(range(256)) * 8192  # 2 MiB
    session.upload("big.bin", big)
    session.upload("表 1.csv", "é".encode(), path="ordner/表 1.csv")
    session.run("import os; open('made.txt', 'w').write('made'); open('empty', 'w'); os.symlink('/etc/passwd', 'link'); os.mkfifo('f')")
    assert archive(session) == {"big.bin": big, "ordner/表 1.csv": "é".encode(), "made.txt": b"made", "empty": b""}


def test_a_thousand_files(session):
    session.run("for i in range(1000): open(f'{i}.txt', 'w').write(str(i))")
    assert archive(session) == {f"{i}.txt": str(i).encode() for i in range(1000)}


def test_unknown_session(client):
    answer = client.get("/v1/containers/cntr_none/archive")
    assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"


def test_a_client_that_goes_away_harms_nobody(session):
    session.run("import os\nfor i in range(8): open(f'{i}', 'wb').write(os.urandom(4 << 20))")
    with session.client.stream("GET", f"{session.path}/archive") as answer:
        next(answer.iter_raw(1000))
    assert session.run("1 + 1")["result"] == "2"
    with httpx.Client(base_url=session.client.base_url, trust_env=False, timeout=60) as other:
        assert other.get("/healthz").status_code == 200

"""Files (`file-…`): what is kept beyond any session."""
import re
import time

import httpx
import pytest

from support.api import error_of

PURPOSES = ["fine-tune", "assistants", "batch", "user_data", "vision", "evals"]


@pytest.fixture
def upload(client):
    made = []

    def send(content=b"content", name="a.txt", purpose="user_data", **fields):
        answer = client.post("/v1/files", files={"file": (name, content)}, data={"purpose": purpose, **fields})
        if answer.status_code == 200:
            made.append(answer.json()["id"])
        return answer

    yield send
    for identifier in made:
        client.delete(f"/v1/files/{identifier}")


def test_the_object(client, upload):
    made = upload(b"1,2\n", "mydata.csv").json()
    assert re.fullmatch(r"file-[A-Za-z0-9]{22,24}", made["id"])
    assert made == {"id": made["id"], "object": "file", "bytes": 4, "created_at": made["created_at"], "expires_at": None,
                    "filename": "mydata.csv", "purpose": "user_data", "status": "processed", "status_details": None}
    assert abs(made["created_at"] - time.time()) < 60
    assert client.get(f"/v1/files/{made['id']}").json() == made


def test_content(client, upload):
    content = bytes(range(256)) * 5000
    made = upload(content, 'Zoë "x".bin').json()
    answer = client.get(f"/v1/files/{made['id']}/content")
    assert answer.content == content and answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert int(answer.headers["content-length"]) == len(content)
    assert made["filename"] == 'Zoë "x".bin'


def test_an_empty_file(client, upload):
    made = upload(b"", "empty").json()
    assert made["bytes"] == 0 and client.get(f"/v1/files/{made['id']}/content").content == b""


def test_delete(client, upload):
    made = upload().json()
    assert client.delete(f"/v1/files/{made['id']}").json() == {"id": made["id"], "object": "file", "deleted": True}
    for method, path in [("GET", ""), ("GET", "/content"), ("DELETE", "")]:
        answer = client.request(method, f"/v1/files/{made['id']}{path}")
        assert answer.status_code == 404
        error = error_of(answer)
        assert error["message"] == f"No such File object: {made['id']}" and error["param"] == "id"


@pytest.mark.parametrize("purpose", PURPOSES)
def test_purposes(client, upload, purpose):
    made = upload(purpose=purpose).json()
    assert made["purpose"] == purpose
    assert made["expires_at"] == (made["created_at"] + 30 * 86400 if purpose == "batch" else None)
    listed = client.get("/v1/files", params={"purpose": purpose}).json()["data"]
    assert made["id"] in {f["id"] for f in listed} and {f["purpose"] for f in listed} == {purpose}


def test_a_bad_purpose(upload):
    answer = upload(purpose="fun")
    error = error_of(answer)
    assert answer.status_code == 400 and error["param"] == "purpose"
    assert error["message"].startswith("'fun' is not one of ['fine-tune', ")


def test_expires_after(upload):
    made = upload(**{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}).json()
    assert made["expires_at"] == made["created_at"] + 3600


@pytest.mark.parametrize("fields, code", [
    ({"expires_after[anchor]": "created_at"}, "missing_required_parameter"),
    ({"expires_after[seconds]": "3600"}, "missing_required_parameter"),
    ({"expires_after[anchor]": "last_active_at", "expires_after[seconds]": "3600"}, "invalid_value"),
    ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"}, "integer_below_min_value"),
    ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592001"}, "integer_above_max_value"),
    ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"}, "invalid_type"),
])
def test_bad_expires_after(upload, fields, code):
    answer = upload(**fields)
    assert answer.status_code == 400 and error_of(answer)["code"] == code


def form(*parts):
    pieces = []
    for disposition, content in parts:
        pieces.append(b"--XX\r\ncontent-disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(pieces) + b"--XX--\r\n"


def send_form(client, body, path="/v1/files"):
    return client.post(path, content=body, headers={"content-type": "multipart/form-data; boundary=XX"})


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_parts_in_any_order(client, order):
    parts = [(b'name="purpose"', b"assistants"), (b'name="expires_after[anchor]"', b"created_at"),
             (b'name="expires_after[seconds]"', b"7200"), (b'name="file"; filename="a.txt"', b"hello")]
    made = send_form(client, form(*[parts[i] for i in order])).json()
    assert made["bytes"] == 5 and made["expires_at"] == made["created_at"] + 7200
    client.delete(f"/v1/files/{made['id']}")


@pytest.mark.parametrize("body, code", [
    (form((b'name="purpose"', b"assistants")), "missing_required_parameter"),
    (form((b'name="file"; filename="a"', b"x")), "missing_required_parameter"),
    (form((b'name="file"; filename="a"', b"x"), (b'name="file"; filename="b"', b"x"), (b'name="purpose"', b"evals")),
     "invalid_value"),
    (form((b'name="file"', b"x"), (b'name="purpose"', b"evals")), "invalid_value"),
    (form((b'name="file"; filename=".."', b"x"), (b'name="purpose"', b"evals")), "invalid_value"),
    (form((b'name="file"; filename="a\xff"', b"x"), (b'name="purpose"', b"evals")), None),
    (form((b'name="file"; filename="a\x00b"', b"x"), (b'name="purpose"', b"evals")), None),
    (form((b'name="purpose"', b"ev\x00als"), (b'name="file"; filename="a"', b"x")), "invalid_value"),
    (form((b'name="purpose"', b"x" * 5000), (b'name="file"; filename="a"', b"x")), "invalid_value"),
    (b"--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nno end", None),
    (b"nothing of the kind", None),
    (b"", None),
])
def test_bad_forms(client, body, code):
    before = len(client.get("/v1/files").json()["data"])
    answer = send_form(client, body)
    assert answer.status_code == 400, answer.text
    assert code is None or error_of(answer)["code"] == code
    assert len(client.get("/v1/files").json()["data"]) == before


def test_json_is_not_a_form(client):
    answer = client.post("/v1/files", json={"purpose": "assistants"})
    assert answer.status_code == 400 and "multipart/form-data" in error_of(answer)["message"]


@pytest.mark.parametrize("given, kept", [("../../etc/passwd", "passwd"), ("C:\\data\\a.csv", "a.csv"), ("a%2Fb", "a%2Fb"),
                                         ("表 1.csv", "表 1.csv"), ("a" * 200 + ".csv", "a" * 200 + ".csv")])
def test_names_lose_their_directories(upload, given, kept):
    assert upload(name=given).json()["filename"] == kept


def test_an_upload_beyond_the_limit(fresh_server):
    small = fresh_server("--upload-max", "64k")
    with small.client() as client:
        answer = client.post("/v1/files", files={"file": ("big", b"x" * 70_000)}, data={"purpose": "evals"})
        assert answer.status_code == 413 and error_of(answer)["code"] == "payload_too_large"
        try:
            answer = client.post("/v1/files", files={"file": ("big", b"x" * 9_000_000)}, data={"purpose": "evals"})
            assert answer.status_code == 413
        except httpx.WriteError:
            pass  # it hung up while we still talked
        assert client.get("/v1/files").json()["data"] == []
        answer = client.post("/v1/files", files={"file": ("fits", b"x" * 60_000)}, data={"purpose": "evals"})
        assert answer.status_code == 200


def test_the_same_content_twice_is_two_files(client, upload):
    first, second = upload(b"same").json()["id"], upload(b"same").json()["id"]
    assert first != second
    client.delete(f"/v1/files/{first}")
    assert client.get(f"/v1/files/{second}/content").content == b"same"


def test_files_outlive_the_server(fresh_server):
    first = fresh_server()
    with first.client() as client:
        made = client.post("/v1/files", files={"file": ("a", b"keep me")}, data={"purpose": "evals"}).json()
    first.stop()
    second = fresh_server(state=first.state)
    with second.client() as client:
        assert client.get(f"/v1/files/{made['id']}").json() == made
        assert client.get(f"/v1/files/{made['id']}/content").content == b"keep me"

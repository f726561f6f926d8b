"""/v1/uploads: a File that comes in parts."""
import hashlib
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import clock, machine
from support.api import error_of

CREATE = {"filename": "big.csv", "purpose": "assistants", "bytes": 11, "mime_type": "text/csv"}


def create(client, **fields):
    answer = client.post("/v1/uploads", json={**CREATE, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def add(client, upload, data):
    answer = client.post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("blob", data)})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def complete(client, upload, part_ids, **fields):
    return client.post(f"/v1/uploads/{upload['id']}/complete", json={"part_ids": part_ids, **fields})


def blobs(server):
    """The bytes of every blob on the disk, those being written too."""
    return sorted(path.stat().st_size for path in (server.state / "blobs").rglob("*") if path.is_file())


def refused(answer, status, message, param=None):
    error = error_of(answer)
    assert answer.status_code == status and message in error["message"], answer.text
    assert param is None or error["param"] == param, error


@pytest.fixture
def cold(fresh_server):
    """cold(*flags, …): a server of the test's own that runs no code, so nobody waits for its environments."""
    def make(*flags, **options):
        return fresh_server(*flags, start=False, **options).start(wait_ready=False)
    return make


@pytest.fixture
def alone(cold):
    server = cold()
    with server.client() as client:
        yield server, client


def test_the_objects(client):
    upload = create(client)
    assert re.fullmatch(r"upload_[0-9a-f]{48}", upload["id"]) and abs(upload["created_at"] - time.time()) < 60
    assert upload == {"id": upload["id"], "object": "upload", "bytes": 11, "created_at": upload["created_at"],
                      "expires_at": upload["created_at"] + 3600, "filename": "big.csv", "purpose": "assistants",
                      "mime_type": "text/csv", "status": "pending", "file": None}
    answer = client.post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("blob", b"hello ")})
    part = answer.json()
    assert part == {"id": part["id"], "object": "upload.part", "created_at": part["created_at"], "upload_id": upload["id"]}
    second = add(client, upload, b"world")
    done = complete(client, upload, [part["id"], second]).json()
    assert done == {**upload, "status": "completed", "file": done["file"]}
    assert done["file"] == client.get(f"/v1/files/{done['file']['id']}").json()
    assert (done["file"]["bytes"], done["file"]["filename"], done["file"]["purpose"]) == (11, "big.csv", "assistants")
    assert client.get(f"/v1/files/{done['file']['id']}/content").content == b"hello world"


def test_the_order_is_the_list_and_md5_is_checked(client):
    upload = create(client)
    last, unused, first = add(client, upload, b"world"), add(client, upload, b"never"), add(client, upload, b"hello ")
    refused(complete(client, upload, [first, last], md5="0" * 32), 400, hashlib.md5(b"hello world").hexdigest(), "md5")
    refused(complete(client, upload, [first, last], md5="no"), 400, "32 hexadecimal digits", "md5")
    done = complete(client, upload, [first, last], md5=hashlib.md5(b"hello world").hexdigest().upper()).json()
    assert client.get(f"/v1/files/{done['file']['id']}/content").content == b"hello world"
    assert unused not in str(done)


def test_parts_that_do_not_fit(client):
    upload = create(client)
    first, second = add(client, upload, b"hello "), add(client, upload, b"world")
    refused(complete(client, upload, [first]), 400, "6 bytes together, but the upload was created for 11", "part_ids")
    refused(complete(client, upload, [first, first]), 400, "named twice", "part_ids[1]")
    refused(complete(client, upload, [first, "part_none"]), 400, "no part 'part_none'", "part_ids[1]")
    other = create(client)
    refused(complete(client, upload, [first, add(client, other, b"world")]), 400, "no part", "part_ids[1]")
    refused(complete(client, upload, None), 400, "Missing required parameter: 'part_ids'.", "part_ids")
    refused(complete(client, upload, "part_x"), 400, "expected an array", "part_ids")
    refused(complete(client, upload, [5]), 400, "expected a string", "part_ids[0]")
    assert complete(client, upload, [first, second]).status_code == 200
    assert client.post(f"/v1/uploads/{other['id']}/cancel").json()["status"] == "cancelled"


def test_an_ended_upload_takes_nothing(client):
    done, cancelled = create(client, bytes=1), create(client, bytes=1)
    part = add(client, done, b"x")
    assert complete(client, done, [part]).status_code == 200
    assert client.post(f"/v1/uploads/{cancelled['id']}/cancel").json() == {**cancelled, "status": "cancelled"}
    for upload, status in [(done, "completed"), (cancelled, "cancelled")]:
        words = f"upload with status '{status}'."
        refused(client.post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("blob", b"x")}), 400, f"Cannot add a part to an {words}")
        refused(complete(client, upload, [part]), 400, f"Cannot complete an {words}", "upload_id")
        refused(client.post(f"/v1/uploads/{upload['id']}/cancel"), 400, f"Cannot cancel an {words}")


def test_an_empty_file(client):
    done = complete(client, create(client, bytes=0), [], md5=hashlib.md5(b"").hexdigest()).json()
    assert done["file"]["bytes"] == 0 and client.get(f"/v1/files/{done['file']['id']}/content").content == b""


@pytest.mark.parametrize("path", ["parts", "complete", "cancel"])
@pytest.mark.parametrize("name", ["upload_none", "x" * 200, "a b"])
def test_an_unknown_upload(client, path, name):
    body = {"files": {"data": ("blob", b"x")}} if path == "parts" else {"json": {"part_ids": []}} if path == "complete" else {}
    refused(client.post(f"/v1/uploads/{name}/{path}", **body), 404, "No such Upload object: ", "upload_id")


@pytest.mark.parametrize("fields, message, param", [
    ({"filename": None}, "Missing required parameter: 'filename'.", "filename"),
    ({"filename": "a/.."}, "must not contain '.' or '..'", "filename"),
    ({"filename": 5}, "expected a string", "filename"),
    ({"purpose": None}, "Missing required parameter: 'purpose'.", "purpose"),
    ({"purpose": "fun"}, "'fun' is not one of ['fine-tune', ", "purpose"),
    ({"bytes": None}, "Missing required parameter: 'bytes'.", "bytes"),
    ({"bytes": -1}, "integer below minimum value", "bytes"),
    ({"bytes": 2**33 + 1}, "integer above maximum value. Expected a value <= 8589934592", "bytes"),
    ({"bytes": "11"}, "expected an integer", "bytes"),
    ({"mime_type": None}, "Missing required parameter: 'mime_type'.", "mime_type"),
    ({"expires_after": {"anchor": "created_at"}}, "Missing required parameter: 'expires_after.seconds'.", "expires_after.seconds"),
    ({"expires_after": {"seconds": 3600}}, "Missing required parameter: 'expires_after.anchor'.", "expires_after.anchor"),
    ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "integer below minimum value", "expires_after.seconds"),
])
def test_bad_uploads(client, fields, message, param):
    refused(client.post("/v1/uploads", json={**CREATE, **fields}), 400, message, param)


def test_the_file_expires_as_was_asked(client):
    for fields, seconds in [({}, None), ({"purpose": "batch"}, 30 * 86400),
                            ({"expires_after": {"anchor": "created_at", "seconds": 7200}}, 7200)]:
        upload = create(client, bytes=1, **fields)
        made = complete(client, upload, [add(client, upload, b"x")]).json()["file"]
        assert made["expires_at"] == (seconds and made["created_at"] + seconds)


def test_bad_parts(client):
    upload = create(client)
    path = f"/v1/uploads/{upload['id']}/parts"
    refused(client.post(path, json={"data": "x"}), 400, "expected multipart/form-data", "data")
    refused(client.post(path, files={"file": ("blob", b"x")}), 400, "Missing required parameter: 'data'.", "data")
    refused(client.post(path, files=[("data", ("a", b"x")), ("data", ("b", b"x"))]), 400, "one part for each request", "data")
    client.post(f"/v1/uploads/{upload['id']}/cancel")


def test_a_large_file_in_parts_side_by_side(alone):
    server, client = alone
    content = os.urandom(5_000_011)
    pieces = [content[i:i + 700_000] for i in range(0, len(content), 700_000)]
    upload = create(client, bytes=len(content))
    with ThreadPoolExecutor(4) as pool:
        part_ids = list(pool.map(lambda piece: add(client, upload, piece), pieces))
        # several at once: one of them makes the file, the others are told that it is done
        answers = list(pool.map(lambda _: complete(client, upload, part_ids, md5=hashlib.md5(content).hexdigest()), range(4)))
    made = [answer.json()["file"] for answer in answers if answer.status_code == 200]
    assert len(made) == 1 and sum("with status 'completed'" in answer.text for answer in answers) == 3
    assert client.get(f"/v1/files/{made[0]['id']}/content").content == content
    assert blobs(server) == [len(content)], "the parts stay behind"
    client.delete(f"/v1/files/{made[0]['id']}")
    assert blobs(server) == []


def test_nothing_stays_of_what_was_given_up(alone):
    server, client = alone
    cancelled, refused_one, late = create(client), create(client), create(client)
    add(client, cancelled, b"cancelled")
    part = add(client, refused_one, b"refused")
    add(client, late, b"too late")
    assert client.post(f"/v1/uploads/{cancelled['id']}/cancel").status_code == 200
    assert blobs(server) == [7, 8]
    assert complete(client, refused_one, [part]).status_code == 400 and blobs(server) == [7, 8]
    clock.advance(server, 3601)
    for upload in (refused_one, late):
        refused(client.post(f"/v1/uploads/{upload['id']}/parts", files={"data": ("blob", b"x")}), 400, "with status 'expired'")
        refused(complete(client, upload, []), 400, "with status 'expired'")
    machine.wait_until(lambda: blobs(server) == [], 30, "the end of the expired uploads' parts")


def test_pending_uploads_and_parts_are_bounded(alone):
    server, client = alone
    tiny = create(client, bytes=1)
    huge = b"x" * (40 << 20)
    add(client, tiny, huge)  # wrong, but a client may repeat itself: refused when it is completed
    refused(client.post(f"/v1/uploads/{tiny['id']}/parts", files={"data": ("blob", huge)}), 400, "more than it needs", "data")
    assert blobs(server) == [len(huge)]
    client.post(f"/v1/uploads/{tiny['id']}/cancel")
    made = [create(client) for _ in range(100)]
    answer = client.post("/v1/uploads", json=CREATE)
    refused(answer, 429, "no more are allowed")
    assert error_of(answer)["code"] == "quota_exceeded" and answer.headers["retry-after"]
    client.post(f"/v1/uploads/{made[0]['id']}/cancel")
    create(client)


def test_a_part_beyond_64_mib(alone):
    server, client = alone
    upload = create(client, bytes=1 << 30)
    path = f"/v1/uploads/{upload['id']}/parts"
    refused(client.post(path, files={"data": ("blob", bytes((64 << 20) + 1))}), 413, "larger than 67108864 bytes", "data")
    assert blobs(server) == []
    assert client.post(path, files={"data": ("blob", bytes(64 << 20))}).status_code == 200


def test_the_bound_is_a_setting(cold):
    with cold("--upload-parts-max", "1m").client() as client:
        answer = client.post("/v1/uploads", json={**CREATE, "bytes": (1 << 20) + 1})
        refused(answer, 400, "Expected a value <= 1048576", "bytes")
        assert error_of(answer)["code"] == "integer_above_max_value"


def test_uploads_outlive_the_server(cold):
    first = cold()
    with first.client() as client:
        upload = create(client)
        part_ids = [add(client, upload, b"hello "), add(client, upload, b"world")]
    first.stop()
    with cold(state=first.state).client() as client:
        made = complete(client, upload, part_ids).json()["file"]
        assert client.get(f"/v1/files/{made['id']}/content").content == b"hello world"


def test_a_stranger_sees_no_upload(cold, call):
    server = cold()
    with server.client() as client:
        upload = create(client)
    key = call("key", "create", "--name", "other", "--project", "other", "--state", server.state, "--json")
    secret = re.search(r"cl-[\w-]+", key.stdout).group()
    with server.client() as client:
        client.headers["authorization"] = f"Bearer {secret}"
        refused(client.post(f"/v1/uploads/{upload['id']}/cancel"), 404, "No such Upload object")

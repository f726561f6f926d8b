"""OpenAI's own Python client, unchanged, pointed at Cloche."""
import hashlib
import io

import httpx
import openai
import pytest


@pytest.fixture
def sdk(server):
    with httpx.Client(trust_env=False, timeout=60) as transport:
        yield openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-1234", http_client=transport, max_retries=0)


def run(sdk, container_id, code):
    return sdk.post(f"/containers/{container_id}/execute", body={"code": code}, cast_to=dict[str, object])


@pytest.fixture
def container(sdk):
    made = sdk.containers.create(name="from the SDK", extra_body={"environment": "base"})
    yield made
    try:
        sdk.containers.delete(made.id)
    except openai.NotFoundError:
        pass


def test_container_life(sdk, container):
    assert container.object == "container" and container.status == "running"
    assert container.id.startswith("cntr_") and container.name == "from the SDK"
    assert container.expires_after.anchor == "last_active_at" and container.expires_after.minutes == 20
    assert sdk.containers.retrieve(container.id).id == container.id
    assert container.id in [found.id for found in sdk.containers.list(limit=100)]
    sdk.containers.delete(container.id)
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.containers.retrieve(container.id)
    assert container.id in refused.value.message


def test_lists_page_through_everything(sdk):
    made = [sdk.containers.create(name=f"page {n}", extra_body={"environment": "base"}).id for n in range(7)]
    found = [c.id for c in sdk.containers.list(limit=3, order="asc") if c.id in made]
    assert found == made
    for container_id in made:
        sdk.containers.delete(container_id)


def test_container_files(sdk, container):
    content = b"a,b\n1,2\n"
    uploaded = sdk.containers.files.create(container.id, file=("table.csv", io.BytesIO(content)))
    assert uploaded.object == "container.file" and uploaded.source == "user"
    assert uploaded.path == "/mnt/data/table.csv" and uploaded.bytes == len(content)
    run(sdk, container.id, "open('made.txt', 'w').write(open('table.csv').read().upper())")
    files = {f.path: f for f in sdk.containers.files.list(container.id)}
    assert files["/mnt/data/made.txt"].source == "assistant"
    made = files["/mnt/data/made.txt"]
    assert sdk.containers.files.content.retrieve(made.id, container_id=container.id).read() == b"A,B\n1,2\n"
    assert sdk.containers.files.retrieve(made.id, container_id=container.id).bytes == len(content)
    sdk.containers.files.delete(made.id, container_id=container.id)
    with pytest.raises(openai.NotFoundError):
        sdk.containers.files.retrieve(made.id, container_id=container.id)


def test_files_into_a_container_by_id(sdk):
    stored = sdk.files.create(file=("numbers.txt", b"1 2 3"), purpose="user_data")
    assert stored.id.startswith("file-") and stored.status == "processed" and stored.bytes == 5
    first = sdk.containers.create(name="with files", file_ids=[stored.id], extra_body={"environment": "base"})
    second = sdk.containers.create(name="without", extra_body={"environment": "base"})
    sdk.containers.files.create(second.id, file_id=stored.id)
    for container in (first, second):
        assert run(sdk, container.id, "print(open('numbers.txt').read())")["stdout"] == "1 2 3\n"
        sdk.containers.delete(container.id)
    sdk.files.delete(stored.id)


def test_files_api(sdk):
    stored = sdk.files.create(file=("a.bin", bytes(range(256))), purpose="assistants")
    assert sdk.files.retrieve(stored.id).filename == "a.bin"
    assert sdk.files.content(stored.id).read() == bytes(range(256))
    assert stored.id in [f.id for f in sdk.files.list(purpose="assistants")]
    assert stored.id not in [f.id for f in sdk.files.list(purpose="batch")]
    deleted = sdk.files.delete(stored.id)
    assert deleted.deleted and deleted.object == "file"
    with pytest.raises(openai.NotFoundError) as refused:
        sdk.files.retrieve(stored.id)
    assert refused.value.status_code == 404


def test_refusals_become_the_sdks_exceptions(sdk):
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.files.create(file=("a.bin", b"x"), purpose="nonsense")
    assert refused.value.status_code == 400
    with pytest.raises(openai.BadRequestError):
        sdk.containers.create(name="x", memory_limit="9000t")
    with pytest.raises(openai.NotFoundError):
        sdk.containers.files.list("cntr_unknown")


def test_requests_carry_an_id(sdk, container):
    answer = sdk.containers.with_raw_response.retrieve(container.id)
    assert answer.headers["x-request-id"].startswith("req_")


def test_metadata_of_a_file_that_expires(sdk):
    stored = sdk.files.create(file=("b.txt", b"x"), purpose="user_data",
                              expires_after={"anchor": "created_at", "seconds": 3600})
    assert stored.expires_at == stored.created_at + 3600
    sdk.files.delete(stored.id)


def test_a_file_in_chunks(sdk, tmp_path):
    content = bytes(range(256)) * 1000
    path = tmp_path / "chunked.csv"
    path.write_bytes(content)
    upload = sdk.uploads.upload_file_chunked(file=path, mime_type="text/csv", purpose="assistants", part_size=50_000,
                                             md5=hashlib.md5(content).hexdigest())
    assert upload.status == "completed" and upload.file.filename == "chunked.csv" and upload.file.bytes == len(content)
    assert sdk.files.content(upload.file.id).read() == content
    in_memory = sdk.uploads.upload_file_chunked(file=content, filename="memory.bin", bytes=len(content),
                                                mime_type="application/octet-stream", purpose="user_data")
    assert sdk.files.content(in_memory.file.id).read() == content
    given_up = sdk.uploads.create(bytes=10, filename="x", mime_type="text/plain", purpose="assistants")
    assert sdk.uploads.parts.create(given_up.id, data=b"part").upload_id == given_up.id
    assert sdk.uploads.cancel(given_up.id).status == "cancelled"

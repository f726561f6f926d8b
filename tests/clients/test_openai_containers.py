"""The official OpenAI SDK, unchanged, against containers, their files, and Files."""
import io

import openai
import pytest


@pytest.fixture
def sdk(server):
    import httpx
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-1234", max_retries=0,
                       http_client=httpx.Client(trust_env=False, timeout=60)) as client:
        yield client


@pytest.fixture
def container(sdk):
    made = sdk.containers.create(name="from the sdk", extra_body={"environment": "base"})
    yield made
    sdk.containers.delete(made.id)


def test_containers(sdk, container):
    assert container.object == "container" and container.status == "running" and container.name == "from the sdk"
    assert container.expires_after.anchor == "last_active_at" and container.expires_after.minutes == 20
    assert container.memory_limit == "1g" and container.network_policy.type == "disabled"
    assert sdk.containers.retrieve(container.id).id == container.id
    assert container.id in {found.id for found in sdk.containers.list(limit=5)}
    assert sdk.containers.retrieve(container.id)._request_id.startswith("req_")


def test_create_with_everything(sdk):
    kept = sdk.files.create(file=("d.csv", b"1,2"), purpose="assistants")
    made = sdk.containers.create(name="full", file_ids=[kept.id], memory_limit="1g", network_policy={"type": "disabled"},
                                 expires_after={"anchor": "last_active_at", "minutes": 10}, extra_body={"environment": "base"})
    assert made.expires_after.minutes == 10
    assert [entry.path for entry in sdk.containers.files.list(made.id)] == ["/mnt/data/d.csv"]
    assert sdk.containers.delete(made.id) is None
    sdk.files.delete(kept.id)


def test_paging_walks_everything(sdk):
    made = [sdk.containers.create(name="walk", extra_body={"environment": "base"}).id for _ in range(5)]
    found = [entry.id for entry in sdk.containers.list(limit=2, extra_query={"name": "walk"})]
    assert [i for i in found if i in made] == made[::-1]
    for identifier in made:
        sdk.containers.delete(identifier)


def test_container_files(sdk, container):
    made = sdk.containers.files.create(container.id, file=("data.csv", io.BytesIO(b"a,b\n1,2\n"), "text/csv"))
    assert made.object == "container.file" and made.path == "/mnt/data/data.csv" and made.bytes == 8 and made.source == "user"
    assert sdk.containers.files.retrieve(made.id, container_id=container.id).id == made.id
    assert sdk.containers.files.content.retrieve(made.id, container_id=container.id).read() == b"a,b\n1,2\n"
    kept = sdk.files.create(file=("kept.txt", b"kept"), purpose="user_data")
    copied = sdk.containers.files.create(container.id, file_id=kept.id)
    assert copied.path == "/mnt/data/kept.txt"
    assert {entry.id for entry in sdk.containers.files.list(container.id)} == {made.id, copied.id}
    assert sdk.containers.files.delete(made.id, container_id=container.id) is None
    with pytest.raises(openai.NotFoundError):
        sdk.containers.files.retrieve(made.id, container_id=container.id)
    sdk.files.delete(kept.id)


def test_files(sdk, tmp_path):
    path = tmp_path / 'Zoë "1".txt'
    path.write_bytes(b"content")
    made = sdk.files.create(file=path, purpose="assistants", expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.object == "file" and made.bytes == 7 and made.status == "processed" and made.filename == path.name
    assert made.expires_at == made.created_at + 3600
    assert sdk.files.retrieve(made.id) == made
    assert sdk.files.content(made.id).read() == b"content"
    assert made.id in {entry.id for entry in sdk.files.list(purpose="assistants", limit=100)}
    assert sdk.files.wait_for_processing(made.id).id == made.id
    gone = sdk.files.delete(made.id)
    assert gone.deleted and gone.id == made.id and gone.object == "file"


def test_errors_become_the_sdks(sdk, container):
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.containers.retrieve("cntr_none")
    assert caught.value.status_code == 404 and "Container with id 'cntr_none' not found." in caught.value.message
    assert caught.value.type == "invalid_request_error" and caught.value.request_id.startswith("req_")
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.containers.create(name=5)
    assert caught.value.code == "invalid_type" and caught.value.param == "name"
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.files.retrieve("file-none")
    assert "No such File object: file-none" in caught.value.message and caught.value.param == "id"
    with pytest.raises(openai.BadRequestError):
        sdk.files.create(file=("a", b"x"), purpose="fun")


def test_the_prefix_may_be_missing(server):
    import httpx
    with openai.OpenAI(base_url=server.url, api_key="x", http_client=httpx.Client(trust_env=False)) as client:
        assert client.files.list().object == "list"


@pytest.mark.parametrize("size", [0, 1, 65536, 5_000_001])
def test_sizes(sdk, container, size):
    content = bytes(i * 31 % 256 for i in range(min(size, 65536))) * (size // 65536 + 1)
    content = content[:size]
    made = sdk.containers.files.create(container.id, file=("sized.bin", content))
    assert made.bytes == size
    assert sdk.containers.files.content.retrieve(made.id, container_id=container.id).read() == content

"""POST and GET /v1/environments: built while one watches, and one project's own."""
import json
import subprocess

import pytest

from support.api import error_of, events
from support.server import Server


@pytest.fixture(scope="module")
def keyed(cloche, tmp_path_factory):
    """A server with environments of its own and two projects' keys."""
    folder = tmp_path_factory.mktemp("environments")
    with Server(cloche, folder / "state", folder / "built", "--project-environments", "1") as server:
        server.keys = []
        for name in ("mine", "other"):
            done = subprocess.run([cloche, "key", "create", "--name", name, "--state", server.state, "--json"],
                                  capture_output=True, text=True, check=True, timeout=30)
            server.keys.append({"authorization": "Bearer " + json.loads(done.stdout)["key"]})
        yield server


@pytest.fixture
def mine(keyed):
    with keyed.client(headers=keyed.keys[0]) as client:
        yield client


@pytest.fixture
def other(keyed):
    with keyed.client(headers=keyed.keys[1]) as client:
        yield client


def build(client, **body):
    with client.stream("POST", "/v1/environments", json=body, timeout=110) as answer:
        assert answer.status_code == 200, answer.read()
        found = list(events(answer))
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    assert all(name == data["type"] for name, data in found)
    assert {name for name, _ in found[:-1]} <= {"environment.progress"}
    return found


@pytest.fixture(scope="module")
def built(keyed):
    with keyed.client(headers=keyed.keys[0]) as client:
        found = build(client, name="tiny", requirements=["peppercorn"])
    assert found[-1][0] == "environment.completed", found[-1]
    assert len(found) > 3 and all(data["name"] == "tiny" for _, data in found[:-1])
    return found[-1][1]["environment"]


def names(client):
    return [entry["name"] for entry in client.get("/v1/environments").json()["data"]]


def test_it_is_there(built, mine):
    assert built["object"] == "environment" and "peppercorn" in built["packages"] and built["requirements"] == ["peppercorn"]
    assert names(mine) == ["base", "tiny"]
    made = mine.post("/v1/containers", json={"name": "x", "environment": "tiny"}).json()
    done = mine.post(f"/v1/containers/{made['id']}/execute", json={"code": "import peppercorn; peppercorn.__name__"}).json()
    assert done["result"] == "'peppercorn'", done
    mine.delete(f"/v1/containers/{made['id']}")


def test_imports_choose_it(built, mine):
    done = mine.post("/v1/execute", json={"code": "import peppercorn; print(peppercorn.__name__)"}).json()
    assert done["stdout"] == "peppercorn\n", done


def test_a_stranger_does_not_see_it(built, other):
    assert names(other) == ["base"]
    for path, body in [("/v1/containers", {"name": "x", "environment": "tiny"}), ("/v1/execute", {"code": "1", "environment": "tiny"})]:
        answer = other.post(path, json=body)
        assert answer.status_code == 400 and error_of(answer)["code"] == "environment_not_built"
    done = other.post("/v1/execute", json={"code": "import peppercorn"}).json()
    assert done["error"]["name"] == "ModuleNotFoundError"
    page = other.get("/", headers={"accept": "text/html"}).text
    assert "tiny" not in page


def test_a_stranger_does_not_replace_it(built, other):
    answer = other.post("/v1/environments", json={"name": "tiny", "requirements": ["peppercorn"]})
    assert answer.status_code == 400 and error_of(answer)["param"] == "name"


def test_a_project_has_only_so_many(built, mine):
    answer = mine.post("/v1/environments", json={"name": "one-too-many", "requirements": ["peppercorn"]})
    assert answer.status_code == 429 and error_of(answer)["code"] == "quota_exceeded", answer.text
    assert names(mine) == ["base", "tiny"]


def test_a_build_that_fails_says_why_and_changes_nothing(built, mine):
    found = build(mine, name="tiny", requirements=["peppercorn==999.999"])
    assert found[-1][0] == "environment.failed"
    error = found[-1][1]["error"]
    assert found[-1][1]["name"] == "tiny" and error["message"] and error["code"]
    assert any("peppercorn==999.999" in data.get("text", "") for _, data in found)  # pip's own words
    done = mine.post("/v1/execute", json={"code": "import peppercorn; print(1)", "environment": "tiny"}).json()
    assert done["stdout"] == "1\n"


@pytest.mark.parametrize("requirement", [
    "-r /etc/passwd", " -r /etc/passwd", "--index-url=http://127.0.0.1:1/", "six @ http://127.0.0.1:1/six.whl", "./six.whl",
    "file:///etc/passwd", "git+ssh://example/six", "six --config-settings=a=b", "six\n-r /etc/passwd", ""])
def test_the_builder_refuses_options_paths_and_urls_as_requirements(mine, requirement):
    answer = mine.post("/v1/environments", json={"name": "evil", "requirements": [requirement]})
    assert answer.status_code == 400 and error_of(answer)["param"] == "requirements"

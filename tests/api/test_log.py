"""What the server says on stderr: one line for each thing, for people or for programs, and nothing that is somebody's own."""
import json
import re

SECRET = "wholly_private_9f27"


def lines(fresh_server, form):
    """The lines of a server that has run code, refused requests, and been asked with hostile paths; and a request's id."""
    server = fresh_server("--default-environment", "base", "--log-format", form, "--log-level", "debug")
    with server.client() as client:
        answer = client.post("/v1/execute", json={"code": f"print('{SECRET}'); {SECRET} = 1; raise ValueError('{SECRET}')", "environment": "base",
                                                  "stdin": SECRET, "env": {"MINE": SECRET}})
        assert SECRET in answer.text
        client.post("/v1/execute", json={"code": SECRET, "no_such_field": 1})
        client.get("/v1/containers/a%22%0Ab%1B[31m", headers={"authorization": f"Bearer {SECRET}"})
        made = client.post("/v1/containers", json={"name": SECRET, "metadata": {"a": SECRET}}).json()["id"]
        client.post(f"/v1/containers/{made}/files", files={"file": ("a.txt", SECRET.encode())})
    server.stop()
    said = server.log()
    assert SECRET not in said
    assert said.endswith("\n")
    return said.rstrip("\n").split("\n"), answer.headers["x-request-id"]


def test_lines_for_programs(fresh_server):
    found, request_id = lines(fresh_server, "json")
    for line in found:
        entry = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]), line
        assert entry["level"] in ("debug", "info", "warn", "error") and entry["module"] and entry["message"], line
    assert [json.loads(line)["message"] for line in found if request_id in line] == ["request"]


def test_lines_for_people(fresh_server):
    found, request_id = lines(fresh_server, "text")
    for line in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) [a-z]+: [^=]+?( \w+=(\"[^\"]*\"|\S+))*", line), line
        assert line.isprintable(), ascii(line)
    assert len([line for line in found if f"request_id={request_id} " in line]) == 1

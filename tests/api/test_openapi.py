"""/openapi.json against the server it describes: every route, and what it answers to requests that schemathesis makes up."""
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import validator_for


@pytest.fixture(scope="module")
def document(server):
    with server.client() as client:
        answer = client.get("/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    return answer.json()


def test_every_route_is_in_it_and_nothing_else(client, document):
    served = {route.replace("*}", "}") for route in client.get("/").json()["endpoints"]}
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == served


def test_it_is_sound(document):
    assert document["openapi"] == "3.1.0" and document["info"]["version"]
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    names = {tag["name"] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"] and set(operation["tags"]) <= names
            told = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path)), path
    text = str(document)
    for kind, name in re.findall(r"#/components/(\w+)/(\w+)", text):
        assert name in document["components"][kind]
    for schema in document["components"]["schemas"].values():
        validator_for({**schema, "components": document["components"]})


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_people_can_read_it_without_anybody_else(client, path):
    answer = client.get(path)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(loaded) >= 3 and all(address.startswith("/") for address in loaded)
    for address in loaded:
        got = client.get(address)
        assert got.status_code == 200, address
    assert "/openapi.json" in client.get([a for a in loaded if a.endswith(".js")][-1]).text
    assert client.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


# ---- schemathesis ------------------------------------------------------------------------------------------------

# What takes minutes, or tells events without end, is not asked for at random.
ELSEWHERE = {"/v1/environments": "post", "/api/ws": "get"}
CHECKS = [schemathesis.checks.not_a_server_error, schemathesis.checks.status_code_conformance,
          schemathesis.checks.content_type_conformance, schemathesis.checks.response_schema_conformance]
SEEDS_500 = {"OpenAI API key not configured", "Run failed"}


@pytest.fixture(scope="module")
def own_server(cloche, environments, tmp_path_factory):
    from support.server import Server
    with Server(cloche, tmp_path_factory.mktemp("openapi") / "state", environments, "--default-environment", "base",
                "--timeout-max", "5", "--timeout", "2") as running:
        yield running


def test_answers_are_as_documented(own_server):
    loaded = schemathesis.openapi.from_url(own_server.url + "/openapi.json")
    problems, seen = [], 0
    for result in loaded.get_all_operations():
        operation = result.ok()
        if ELSEWHERE.get(operation.path) == operation.method.lower():
            continue
        tried = []

        @settings(max_examples=4, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case):
            answer = case.call(base_url=own_server.url, timeout=30)
            tried.append(answer.status_code)
            if answer.status_code == 500 and answer.json().get("detail") in SEEDS_500:
                return
            case.validate_response(answer, checks=CHECKS)

        try:
            ask()
        except BaseException as problem:  # noqa: BLE001 - all are collected, so that one run shows all
            problems.append(f"{operation.method.upper()} {operation.path}: {str(problem)[:600]}")
        seen += len(tried)
    assert seen > 200
    assert not problems, "\n\n".join(problems)

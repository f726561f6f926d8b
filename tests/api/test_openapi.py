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


# ---- answers of the native API and the Explorer's, whole ---------------------------------------------------------

def closed(schema):
    """The same schema, and no field may be there that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


class Described:
    """Asks, and holds each answer against the document, which must have a place for every field."""

    def __init__(self, client, document):
        self.client, self.document, self.seen = client, closed(document), set()

    def __call__(self, method, path, *, expect=200, **parts):
        answer = self.client.request(method, path, **parts)
        assert answer.status_code == expect, (method, path, answer.text)
        asked = path.partition("?")[0]
        for pattern, item in self.document["paths"].items():
            if method.lower() in item and re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), asked):
                break
        else:
            raise AssertionError(f"{method} {asked} is not described")
        self.seen.add(f"{method} {pattern}")
        response = item[method.lower()]["responses"][str(expect)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return answer
        validator = validator_for({**schema, "components": self.document["components"]})
        problems = [f"{list(e.instance_path)}: {e.message}" for e in validator.iter_errors(answer.json())]
        assert not problems, (method, pattern, problems)
        return answer.json()


def test_answers_hold_no_more_and_no_less_than_the_document_says(own_server, document):
    """One walk through what succeeds, which made-up requests seldom reach."""
    with own_server.client() as client:
        ask = Described(client, document)
        for path in ("/", "/healthz", "/readyz", "/v1/environments"):
            ask("GET", path)
        file = ask("POST", "/v1/files", files={"file": ("a.csv", b"a\n1\n")}, data={"purpose": "user_data"})["id"]
        ask("GET", "/v1/files")
        ask("GET", f"/v1/files/{file}")
        upload = ask("POST", "/v1/uploads", json={"bytes": 3, "filename": "b", "mime_type": "text/plain", "purpose": "user_data"})["id"]
        part = ask("POST", f"/v1/uploads/{upload}/parts", files={"data": b"abc"})["id"]
        ask("POST", f"/v1/uploads/{upload}/complete", json={"part_ids": [part]})
        other = ask("POST", "/v1/uploads", json={"bytes": 3, "filename": "b", "mime_type": "text/plain", "purpose": "user_data"})["id"]
        ask("POST", f"/v1/uploads/{other}/cancel")

        made = ask("POST", "/v1/containers", json={"name": "x", "file_ids": [file], "metadata": {"a": "b"}})["id"]
        home = f"/v1/containers/{made}"
        ran = ask("POST", f"{home}/execute", json={"code": "x = [1]; open('made.txt', 'w').write('x')\nprint('a' * 200_000)\n"
                                                           "from IPython.display import display, HTML; display(HTML('<p>'))\n1"})
        assert ran["truncated"] and ran["files"] and len(ran["outputs"]) >= 3
        ask("POST", f"{home}/execute", json={"code": "1 / 0"})
        for path in ("", "?touch=false", "/files", "/variables", "/executions", "/executions?include=code", f"/executions/{ran['id']}"):
            ask("GET", home + path)
        copied = ask("POST", f"{home}/files", json={"file_id": file, "path": "c.csv"})["id"]
        ask("GET", f"{home}/files/{copied}")
        ask("DELETE", f"{home}/files/{copied}")
        ask("POST", f"{home}/interrupt")
        ask("POST", f"{home}/input", json={"text": "x"}, expect=400)
        ask("POST", f"{home}/restart")
        ask("POST", home, json={"memory_limit": "2g"})
        ask("GET", "/v1/containers")
        ask("DELETE", home)
        ask("GET", home, expect=404)
        ask("DELETE", f"/v1/files/{file}")
        for keep in (False, True):
            ask("POST", "/v1/execute", json={"code": "open('made.txt', 'w').write('x')", "keep_files": keep})
        ask("POST", "/v1/execute", json={"code": 1}, expect=400)

        hook = ask("POST", "/v1/webhooks", json={"url": "https://example.invalid/", "events": ["response.completed"]})["id"]
        thread = ask("POST", "/api/thread/create")["thread_id"]
        sent = ask("POST", "/api/upload", files={"file": ("a.csv", b"a,b\n1,2\n")})["file_id"]
        ask("POST", "/api/chat", json={"message": "```python\nopen('made.txt', 'w').write('x')\nprint('made.txt')\n```", "thread_id": thread})
        ask("POST", "/api/analyze", json={"prompt": "hello", "file_ids": [sent]})
        ask("GET", f"/api/thread/{thread}/messages")
        ask("POST", "/api/chat", json={}, expect=400)
        ask("GET", "/v1/webhooks")
        ask("GET", f"/v1/webhooks/{hook}")
        assert ask("GET", f"/v1/webhooks/{hook}/deliveries")["data"]
        ask("DELETE", f"/v1/webhooks/{hook}")

        written = {"Sessions", "Executions", "Files", "Server", "Explorer", "Webhooks"}
        described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method, operation in item.items()
                     if set(operation["tags"]) & written and "application/json" in
                     next((r for code, r in operation["responses"].items() if code.startswith("2")), {}).get("content", {})}
        elsewhere = {"GET /openapi.json", "POST /v1/notebooks/run", *(f"POST /api/examples/{name}" for name in
                     ("data-analysis", "math-computation", "image-generation"))}  # the examples answer as /api/chat does
        assert described - ask.seen == elsewhere


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

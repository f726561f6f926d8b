"""Bodies and fields that are wrong: a clear 400 each, and nothing happens."""
import pytest

from support.api import error_of


def post(client, path, body, **headers):
    return client.post(path, content=body, headers={"content-type": "application/json", **headers})


MALFORMED = [b"{", b"}", b"[", b'{"code"', b'{"code":}', b'{"code":"1",}', b"{'code':'1'}", b'{code:"1"}', b"nul", b'{"code":"1"}x',
             b'{"code":"1"}{"code":"1"}', b'{"code":"1","code":"2"}', b'{"code":"\t"}', b'{"code":"\\x"}', b'{"code":"\\ud800"}',
             b'{"timeout":01}', b'{"timeout":+1}', b'{"timeout":NaN}', b'{"timeout":Infinity}', b'{"timeout":0x10}', b"\xef\xbb\xbf{}",
             b'{"a\\u0000b":1}', b'{"code":"1"} //', b"\0", b'{"code":"\0"}', b"--XX"]


@pytest.mark.parametrize("body", MALFORMED)
@pytest.mark.parametrize("path", ["/v1/execute", "/v1/containers"])
def test_malformed(client, path, body):
    answer = post(client, path, body)
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert error["code"] == "invalid_json" and error["type"] == "invalid_request_error"
    assert error["message"].startswith("We could not parse the JSON body of your request")


@pytest.mark.parametrize("body, got", [(b"[]", "an array"), (b'"x"', "a string"), (b"5", "an integer"), (b"null", "null"), (b"true", "a boolean")])
def test_a_body_that_is_no_object(client, body, got):
    answer = post(client, "/v1/execute", body)
    assert answer.status_code == 400 and error_of(answer)["code"] == "invalid_type"
    assert error_of(answer)["message"] == f"Invalid type for the request body: expected an object, but got {got} instead."


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_an_empty_body_lacks_its_fields(client, body):
    answer = post(client, "/v1/execute", body)
    assert answer.status_code == 400 and error_of(answer)["message"] == "Missing required parameter: 'code'."


@pytest.mark.parametrize("depth", [65, 1000, 100_000, 5_000_000])
def test_deep(client, depth):
    for body in (b'{"metadata":' + b"[" * depth + b"]" * depth + b"}", b'{"a":' * depth + b"1" + b"}" * depth):
        if len(body) < 16 << 20:
            answer = post(client, "/v1/containers", body)
            assert answer.status_code == 400 and error_of(answer)["code"] == "invalid_json"
            assert "64 levels" in error_of(answer)["message"]


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
def test_invalid_utf8_names_its_field(client, session, text):
    answer = post(client, f"{session.path}/execute", b'{"timeout": 5, "code": "print(1) # ' + text + b'"}')
    error = error_of(answer)
    assert answer.status_code == 400 and error["code"] == "invalid_json" and error["param"] == "code"
    answer = post(client, "/v1/containers", b'{"name": "' + text + b'"}')
    assert answer.status_code == 400 and error_of(answer)["param"] == "name"


@pytest.mark.parametrize("field, path", [("code", "/v1/execute"), ("stdin", "/v1/execute"), ("environment", "/v1/execute"), ("name", "/v1/containers")])
def test_nul_in_text_names_its_field(client, field, path):
    answer = client.post(path, json={"code": "1", "name": "x", field: "a\0b"} if path == "/v1/containers" else {"code": "1", field: "a\0b"})
    error = error_of(answer)
    assert answer.status_code == 400 and error["param"] == field and error["code"] == "invalid_value"
    assert error["message"] == f"Invalid '{field}': the string contains a NUL character."


@pytest.mark.parametrize("number", [b"99999999999999999999", b"-99999999999999999999", b"1e999"])
def test_numbers_beyond_everything(client, number):
    answer = post(client, "/v1/execute", b'{"code": "1", "timeout": ' + number + b"}")
    error = error_of(answer)
    assert answer.status_code == 400 and error["param"] == "timeout" and error["code"] == "invalid_value"


@pytest.mark.parametrize("field, value, code, message", [
    ("timeout", "5", "invalid_type", "Invalid type for 'timeout': expected a number, but got a string instead."),
    ("timeout", True, "invalid_type", "Invalid type for 'timeout': expected a number, but got a boolean instead."),
    ("timeout", [], "invalid_type", "Invalid type for 'timeout': expected a number, but got an array instead."),
    ("timeout", 0, "invalid_value", "Invalid 'timeout': integer below minimum value. Expected a value >= 1, but got 0 instead."),
    ("timeout", 0.5, "invalid_value", "Invalid 'timeout': decimal below minimum value. Expected a value >= 1, but got 0.5 instead."),
    ("timeout", 601, "invalid_value", "Invalid 'timeout': integer above maximum value. Expected a value <= 600, but got 601 instead."),
    ("code", 5, "invalid_type", "Invalid type for 'code': expected a string, but got an integer instead."),
    ("code", None, "missing_required_parameter", "Missing required parameter: 'code'."),
    ("stdin", {}, "invalid_type", "Invalid type for 'stdin': expected a string, but got an object instead."),
    ("stream", "yes", "invalid_type", "Invalid type for 'stream': expected a boolean, but got a string instead."),
    ("env", ["A=1"], "invalid_type", "Invalid type for 'env': expected an object, but got an array instead."),
    ("env", {"A": 1}, "invalid_type", "Invalid type for 'env.A': expected a string, but got an integer instead."),
    ("env", {"A=B": "1"}, "invalid_value", "Invalid 'env': 'A=B' is no name for a variable."),
    ("env", {"": "1"}, "invalid_value", "Invalid 'env': '' is no name for a variable."),
    ("timout", 5, "unknown_parameter", "Unknown parameter: 'timout'. Did you mean 'timeout'?"),
    ("Code", "1", "unknown_parameter", "Unknown parameter: 'Code'. Did you mean 'code'?"),
    ("zzz", 5, "unknown_parameter", "Unknown parameter: 'zzz'."),
    ("tests", [{"name": "a", "code": "1"}], "unsupported_parameter", "Unsupported parameter: 'tests' is not supported by this server."),
])
def test_fields_of_an_execution(session, field, value, code, message):
    answer = session.client.post(f"{session.path}/execute", json={"code": "ran = 1", field: value})
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert (error["code"], error["message"]) == (code, message)
    assert error["type"] == "invalid_request_error" and "x-request-id" in answer.headers
    assert session.client.get(f"{session.path}/executions").json()["data"] == []


def test_null_and_false_pass(session):
    assert session.run("1", timeout=None, stdin=None, stream=None, tests=None, env=None)["result"] == "1"
    assert session.run("1", stream=False, tests=False)["result"] == "1"


def test_code_beyond_a_mebibyte(session):
    answer = session.client.post(f"{session.path}/execute", json={"code": "#" * ((1 << 20) + 1)})
    assert answer.status_code == 400 and error_of(answer)["param"] == "code"
    assert session.run("#" * ((1 << 20) - 2) + "\n7")["result"] == "7"


def test_a_body_beyond_16_mib(client):
    answer = client.post("/v1/execute", json={"code": "1", "stdin": "x" * (17 << 20)})
    assert answer.status_code == 413 and error_of(answer)["code"] == "payload_too_large"


@pytest.mark.parametrize("path", ["/v1/execute", "/v1/containers", "/v1/files"])
def test_a_promise_of_ten_gigabytes(server, path):
    from support import wire
    kind = "multipart/form-data; boundary=XX" if path == "/v1/files" else "application/json"
    raw = wire.exchange(server, f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 10737418240\r\n\r\n{{".encode())
    [reply] = wire.replies(raw)
    assert reply.status == 413 and b"payload_too_large" in reply.body


@pytest.mark.parametrize("method, path", [("GET", "/v1/nothing"), ("POST", "/nothing"), ("GET", "/v1/containers/x/nothing"), ("GET", "/v2/containers"),
                                          ("POST", "/v1/containers/x/branch"), ("POST", "/v1/execute/batch"), ("GET", "/metrics")])
def test_unknown_addresses(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"


@pytest.mark.parametrize("method, path", [("PATCH", "/v1/containers"), ("GET", "/v1/execute"), ("DELETE", "/healthz"), ("PUT", "/v1/files")])
def test_methods_that_are_not(client, method, path):
    answer = client.request(method, path)
    assert answer.status_code == 405 and error_of(answer)["code"] == "method_not_allowed" and answer.headers["allow"]


def test_head_is_get_without_a_body(client):
    for path in ("/healthz", "/v1/containers", "/"):
        got, head = client.get(path), client.head(path)
        assert head.status_code == 200 and head.content == b""
        assert head.headers["content-type"] == got.headers["content-type"]


def test_health(client):
    health = client.get("/healthz").json()
    assert health["status"] == "ok" and health["version"]
    ready = client.get("/readyz")
    assert ready.status_code in (200, 503)
    if ready.status_code == 503:
        assert error_of(ready)["message"]
    else:
        assert ready.json()["pools"] in ("full", "filling")


def test_the_page_for_people(client):
    answer = client.get("/", headers={"accept": "text/html,application/xhtml+xml"})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<style" not in answer.text and "://" not in answer.text.replace("http://www.w3.org/", "")
    assert client.get("/favicon.svg").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_the_root_for_programs(client, accept):
    answer = client.get("/", headers={"accept": accept} if accept else {})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["name"] == "cloche" and "base" in answer.json()["environments"]


def test_a_host_that_tries_to_be_markup(client):
    answer = client.get("/", headers={"accept": "text/html", "host": "localhost:1\"><b>"})
    assert answer.status_code in (400, 403) or "\"><b>" not in answer.text


def test_environments(client):
    listed = client.get("/v1/environments").json()
    assert listed["object"] == "list"
    base = next(entry for entry in listed["data"] if entry["name"] == "base")
    assert base["object"] == "environment"


@pytest.mark.parametrize("body, code, param", [
    ({}, "missing_required_parameter", "name"), ({"name": "x"}, "missing_required_parameter", "requirements"),
    ({"name": "base", "requirements": ["six"]}, "invalid_value", "name"), ({"name": "../x", "requirements": ["six"]}, "invalid_value", "name"),
    ({"name": "x", "requirements": "six"}, "invalid_type", "requirements"), ({"name": "x", "requirements": [5]}, "invalid_type", "requirements[0]"),
    ({"name": "x", "requirements": ["six\n--index-url http://evil"]}, "invalid_value", "requirements"),
    ({"name": "x", "requirements": ["--index-url=http://evil"]}, "invalid_value", "requirements"),
    ({"name": "x", "requirement": ["six"]}, "unknown_parameter", "requirement"),
    ({"name": "data-science", "requirements": ["six"]}, "invalid_value", "name"),
    ({"name": "x", "requirements": ["six"], "python": "/usr/bin/python3"}, "unsupported_parameter", "python"),
])
def test_bad_environments(client, body, code, param):
    answer = client.post("/v1/environments", json=body)
    assert answer.status_code == 400, answer.text
    assert (error_of(answer)["code"], error_of(answer)["param"]) == (code, param)

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


def no_twins(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


def test_lines_for_programs(fresh_server):
    found, request_id = lines(fresh_server, "json")
    entries = [json.loads(line, object_pairs_hook=no_twins) for line in found]
    for entry in entries:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]), entry
        assert entry["level"] in ("debug", "info", "warn", "error") and entry["module"] and entry["message"], entry
        assert "details" not in entry, "its format has no fields"
    mine, = [entry for entry in entries if entry.get("request_id") == request_id]
    took = mine.pop("duration_us")
    assert type(took) is int and took > 0
    del mine["time"]
    assert mine == {"level": "debug", "module": "http", "message": "request", "request_id": request_id, "method": "POST",
                    "path": "/v1/execute", "status": 200}
    assert [entry["status"] for entry in entries if entry.get("path", "").startswith("/v1/containers/a") and entry["method"] == "GET"] == [404]
    assert [(entry["message"], entry["code"]) for entry in entries if "code" in entry] == [("stopped", 0)]


# What src/base/log_json.c makes members of: key=value or key="value", with these conversions in the value.
CONVERSION = r"%(?:(?:l{0,2}|z)[du]|(?:\.\d+)?s|%)"
PAIR = rf'([a-z0-9_]+)=(?:"(?:[^"%]|{CONVERSION})*"|(?:[^" %]|{CONVERSION})*)'


def test_every_format_has_fields(request):
    """Most lines are for what rarely happens, so no server shows them all: the sources are asked."""
    sources = request.config.rootpath.parent / "src"
    calls = 0
    for path in sorted(sources.rglob("*.c")):
        if path.parent == sources / "base":
            continue
        text = path.read_text()
        for call in re.finditer(r"\blog_line\(", text):
            calls += 1
            where = f"{path}:{text.count(chr(10), 0, call.start()) + 1}"
            # level, module and message, which may be an expression; then the format, in one piece or more
            found = re.compile(r'[^",]+,\s*"\w+",\s*(?:[^",]|"(?:[^"\\]|\\.)*")+,\s*((?:"(?:[^"\\]|\\.)*"\s*|PRI\w+\s*)+)[,)]').match(text, call.end())
            assert found, f"{where}: its format is no literal"
            wanted = re.sub(r"PRI([du])64", r'"l\1"', found[1])
            wanted = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', wanted)).replace('\\"', '"')
            assert len(wanted) <= 256 and re.fullmatch(rf" *(?:{PAIR}(?: +|$))*", wanted), f"{where}: {wanted!r}"
            keys = [pair[1] for pair in re.finditer(PAIR, wanted)]
            assert len(set(keys)) == len(keys) and not set(keys) & {"time", "level", "module", "message", "details"}, f"{where}: {keys}"
    assert calls > 80


def test_lines_for_people(fresh_server):
    found, request_id = lines(fresh_server, "text")
    for line in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info |warn |error) [a-z]+: [^=]+?( \w+=(\"[^\"]*\"|\S+))*", line), line
        assert line.isprintable(), ascii(line)
    assert len([line for line in found if f"request_id={request_id} " in line]) == 1

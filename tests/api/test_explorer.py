"""The Explorer's HTTP API, as the seed describes it, over the offline analyst and over a scripted model."""
import json
import threading

import pytest
from support.provider import Forever, Gate, Refuse, Turn, python

ANALYST = "```python\n{}\n```"


def chat(client, message, **fields):
    answer = client.post("/api/chat", json={"message": message, **fields})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"thread_id", "message", "files", "annotations"}
    return answer.json()


def messages(client, thread_id):
    answer = client.get(f"/api/thread/{thread_id}/messages")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"messages"}
    for message in answer.json()["messages"]:
        assert set(message) == {"id", "role", "content", "annotations", "created_at"}
    return answer.json()["messages"]


def refused(answer, status, detail=None):
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"detail"} and answer.json()["detail"]
    if detail is not None:
        assert answer.json()["detail"] == detail


def test_the_root_says_its_name(client):
    for headers in ({}, {"accept": "application/json"}, {"accept": "*/*"}):
        answer = client.get("/", headers=headers)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["message"] == "OpenAI Code Interpreter Explorer API"
    assert client.get("/", headers={"accept": "text/html,*/*;q=0.8"}).headers["content-type"].startswith("text/html")


def test_a_thread_is_created_empty(client):
    answer = client.post("/api/thread/create")
    assert answer.status_code == 200
    thread = answer.json()
    assert thread.pop("thread_id").startswith("thread_") and thread == {"status": "created"}
    assert messages(client, answer.json()["thread_id"]) == []


def test_an_unknown_thread_is_404(client):
    refused(client.get("/api/thread/thread_nothing/messages"), 404)
    refused(client.get("/api/thread/no%20id/messages"), 404)
    refused(client.post("/api/chat", json={"message": "hello", "thread_id": "thread_nothing"}), 404)


def test_a_chat_runs_code_and_its_thread_remembers(client):
    first = chat(client, ANALYST.format("x = 6 * 7\nprint('x is', x)"))
    assert first["thread_id"].startswith("thread_") and "x is 42" in first["message"]
    assert first["files"] == [] and first["annotations"] == []
    second = chat(client, ANALYST.format("print('still', x)"), thread_id=first["thread_id"])
    assert second["thread_id"] == first["thread_id"] and "still 42" in second["message"]
    said = messages(client, first["thread_id"])
    assert said[0]["role"] == "user" and "x = 6 * 7" in said[0]["content"] and said[0]["annotations"] == []
    assert said[-1]["role"] == "assistant" and said[-1]["content"] == second["message"]
    assert [m["created_at"] for m in said] == sorted(m["created_at"] for m in said)
    assert len({m["id"] for m in said}) == len(said) and all(m["id"].startswith("msg_") for m in said)


def test_without_the_interpreter_nothing_runs(client):
    answer = chat(client, ANALYST.format("print(6 * 7)"), use_code_interpreter=False)
    assert "switched off" in answer["message"] and "42" not in answer["message"]


@pytest.mark.parametrize("body, status", [
    ({}, 400), ({"message": ""}, 400), ({"message": 7}, 400), ({"message": "x", "use_code_interpreter": "yes"}, 400),
    ({"message": "x", "thread_id": 5}, 400), ({"message": "x", "file_ids": "file-1"}, 400),
    ({"message": "x", "file_ids": ["file-nothing"]}, 404), ({"message": "x", "thread_id": "t" * 65}, 400),
    ({"message": "x", "file_ids": ["file-nothing"], "use_code_interpreter": False}, 400),
])
def test_invalid_chats(client, body, status):
    refused(client.post("/api/chat", json=body), status)


def test_bodies_that_are_no_object(client):
    for body in (b"", b"[]", b"{", b"null", b'{"message": "a", "message": "b"}', b'{"message": "\xff"}'):
        refused(client.post("/api/chat", content=body, headers={"content-type": "application/json"}), 400)
    refused(client.get("/api/chat"), 405)
    refused(client.get("/api/nothing"), 404)
    refused(client.post("/api/chat", content=b"x" * (16 << 20) + b"x"), 413)
    refused(client.post("/api/chat", json={"message": "x"}, headers={"origin": "http://elsewhere.example"}), 403)


def test_a_refused_chat_leaves_nothing(client):
    thread = client.post("/api/thread/create").json()["thread_id"]
    refused(client.post("/api/chat", json={"message": "x", "thread_id": thread, "file_ids": ["file-nothing"]}), 404)
    assert messages(client, thread) == []


def test_a_model_without_a_key(client):
    refused(client.post("/api/chat", json={"message": "x", "model": "gpt-5"}), 500, "OpenAI API key not configured")


# ---- files ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["a.csv", "B.XLSX", "c.xls", "d.json", "e.txt", "ümläut é.pdf"])
def test_upload_and_download(client, name):
    answer = client.post("/api/upload", files={"file": (name, b"region,amount\nnorth,1\n")})
    assert answer.status_code == 200, answer.text
    file = answer.json()
    assert file.pop("file_id").startswith("file-") and file == {"filename": name, "status": "uploaded"}
    back = client.get(f"/api/file/{answer.json()['file_id']}")
    assert back.content == b"region,amount\nnorth,1\n"
    assert back.headers["content-type"] == "application/octet-stream"
    assert back.headers["content-disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize("name", ["a.exe", "a", ".csv.sh", "a.csv.gz", "a.png"])
def test_other_formats_are_refused(client, name):
    answer = client.post("/api/upload", files={"file": (name, b"x")})
    refused(answer, 400)
    assert answer.json()["detail"].startswith("Error uploading file: ") and ".csv" in answer.json()["detail"]


def test_broken_uploads(client):
    for request in ({"json": {}}, {"files": {"other": ("a.csv", b"x")}}, {"data": {"file": "a"}},
                    {"files": [("file", ("a.csv", b"x")), ("file", ("b.csv", b"y"))]},
                    {"files": {"file": ("../.csv", b"x")}, "headers": {"content-type": "multipart/form-data"}}):
        answer = client.post("/api/upload", **request)
        refused(answer, 400)
        assert answer.json()["detail"].startswith("Error uploading file: ")


def test_an_unknown_file_is_404(client):
    refused(client.get("/api/file/file-nothing"), 404)


def test_what_code_makes_becomes_files_that_outlive_the_session(client):
    answer = chat(client, ANALYST.format(
        "open('report.csv', 'w').write('a,b\\n1,2\\n')\nopen('picture.png', 'wb').write(b'not really')\nprint('wrote report.csv')"))
    kinds = {}
    for file in answer["files"]:
        assert set(file) == {"file_id", "type"} and file["file_id"].startswith("file-")
        download = client.get(f"/api/file/{file['file_id']}")
        kinds[download.headers["content-disposition"].split('"')[1]] = (file["type"], download.content)
    assert kinds == {"report.csv": ("file_path", b"a,b\n1,2\n"), "picture.png": ("image_file", b"not really")}
    named = {a["text"]: a for a in answer["annotations"]}
    assert len(named) == len(answer["annotations"]) and "report.csv" in named
    for text, a in named.items():
        assert a == {"type": "file_path", "file_id": a["file_id"], "text": text}
        assert a["file_id"] in {f["file_id"] for f in answer["files"]}
    for container in client.get("/v1/containers", params={"limit": 100}).json()["data"]:
        client.delete(f"/v1/containers/{container['id']}")
    assert client.get(f"/api/file/{answer['files'][0]['file_id']}").status_code == 200
    # a thread goes on in a new session when its own is gone
    again = chat(client, ANALYST.format("print('alive')"), thread_id=answer["thread_id"])
    assert "alive" in again["message"]
    assert messages(client, answer["thread_id"])[-1]["content"] == again["message"]


@pytest.mark.data_science
def test_analyze_an_uploaded_file(client):
    rows = "".join(f"{'north' if i % 2 else 'south'},{i}\n" for i in range(40))
    file_id = client.post("/api/upload", files={"file": ("sales.csv", "region,amount\n" + rows)}).json()["file_id"]
    answer = client.post("/api/analyze", json={"prompt": "total amount by region", "file_ids": [file_id]})
    assert answer.status_code == 200, answer.text
    assert "400" in answer.json()["message"] and "380" in answer.json()["message"]
    follow = client.post("/api/analyze", json={"prompt": "Analyze this file", "thread_id": answer.json()["thread_id"],
                                               "file_ids": [file_id]}).json()
    assert follow["thread_id"] == answer.json()["thread_id"] and "40" in follow["message"]
    assert any(f["type"] == "image_file" for f in follow["files"])
    refused(client.post("/api/analyze", json={"file_ids": [file_id]}), 400)


# ---- examples -----------------------------------------------------------------------------------------------

@pytest.mark.data_science
@pytest.mark.parametrize("name, words, figures", [
    ("data-analysis", ["100", "revenue", "region"], 1),
    ("math-computation", ["4181", "97", "roots"], 1),
    ("image-generation", ["heat map", "3-D", "pie"], 3)])
def test_examples(client, name, words, figures):
    answer = client.post(f"/api/examples/{name}")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"thread_id", "message", "files", "annotations"}
    for word in words:
        assert word in answer.json()["message"], answer.json()["message"]
    images = [f for f in answer.json()["files"] if f["type"] == "image_file"]
    assert len(images) >= figures
    for image in images:
        download = client.get(f"/api/file/{image['file_id']}")
        assert download.content.startswith(b"\x89PNG")
        assert f'filename="output_{image["file_id"]}.png"' in download.headers["content-disposition"]


@pytest.mark.data_science
def test_examples_ask_no_model(fresh_server, provider):
    scripted = provider([])
    with fresh_server(env=scripted.environment("chat")).client() as client:
        assert client.post("/api/examples/math-computation").status_code == 200
    assert scripted.requests == []


# ---- a model -------------------------------------------------------------------------------------------------

def test_further_chats_on_a_busy_thread_wait_in_line(fresh_server, provider):
    gate = Gate()
    scripted = provider([Turn(gate, "first answer"), Forever(Turn("next answer"))])
    server = fresh_server("--default-environment", "base", env=scripted.environment("chat"))
    with server.client() as client:
        thread = client.post("/api/thread/create").json()["thread_id"]
        answers, one_answered = {}, threading.Event()

        def ask(name):
            with server.client() as own:
                answers[name] = own.post("/api/chat", json={"message": name, "thread_id": thread})
            one_answered.set()

        asking = [threading.Thread(target=ask, args=("first",))]
        asking[0].start()
        assert gate.reached.wait(10)
        asking += [threading.Thread(target=ask, args=(f"next {i}",)) for i in range(17)]
        for one in asking[1:]:
            one.start()
        assert one_answered.wait(10)  # the one that found sixteen in line before it
        assert [m["content"] for m in messages(client, thread)] == ["first"] and len(scripted.requests) == 1
        gate.open()
        for one in asking:
            one.join(30)
    too_many = [a for a in answers.values() if a.status_code != 200]
    assert len(answers) == 18 and len(too_many) == 1
    refused(too_many[0], 429)
    with server.client() as client:
        said = messages(client, thread)
    assert [m["role"] for m in said] == ["user", "assistant"] * 17
    assert [m["content"] for m in said[1::2]] == ["first answer"] + ["next answer"] * 16
    assert all(len(r.body["messages"]) > len(before.body["messages"])
               for before, r in zip(scripted.requests, scripted.requests[1:]))


def test_settings_and_failures_of_a_model(fresh_server, provider):
    scripted = provider([
        Turn(python("print(1)")), Turn(python("print(2)")), Turn("two rounds"),
        Refuse("invalid"), Turn("better")])
    server = fresh_server("--default-environment", "base", "--max-iterations", "2", "--temperature", "0.25",
                          env=scripted.environment("chat"))
    with server.client() as client:
        answer = chat(client, "go")
        assert answer["message"] == "two rounds"
        assert [r.body.get("temperature") for r in scripted.requests] == [0.25] * 3
        assert "tools" in scripted.requests[1].body and "tools" not in scripted.requests[2].body
        failed = client.post("/api/chat", json={"message": "again", "thread_id": answer["thread_id"]})
        refused(failed, 500, "Run failed")
        assert failed.headers["x-cloche-error-code"] == "provider_refused"
        assert messages(client, answer["thread_id"])[-1]["content"] == "again"
        assert chat(client, "once more", thread_id=answer["thread_id"])["message"] == "better"


def test_threads_belong_to_projects(fresh_server, call):
    server = fresh_server("--default-environment", "base")
    keys = [json.loads(call("key", "create", "--name", n, "--project", n, "--state", server.state, "--json").stdout)["key"]
            for n in ("ann", "bob")]
    with server.client(headers={"authorization": f"Bearer {keys[0]}"}) as ann, \
            server.client(headers={"authorization": f"Bearer {keys[1]}"}) as bob, server.client() as nobody:
        thread = ann.post("/api/thread/create").json()["thread_id"]
        file_id = ann.post("/api/upload", files={"file": ("a.csv", b"a\n1\n")}).json()["file_id"]
        refused(bob.get(f"/api/thread/{thread}/messages"), 404)
        refused(bob.get(f"/api/file/{file_id}"), 404)
        refused(bob.post("/api/chat", json={"message": "x", "thread_id": thread}), 404)
        refused(bob.post("/api/analyze", json={"prompt": "x", "file_ids": [file_id]}), 404)
        refused(nobody.post("/api/thread/create"), 401)
        refused(nobody.get(f"/api/file/{file_id}"), 401)

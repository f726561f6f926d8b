"""The Assistants API in a few words, over a scripted model that many tests share."""
import itertools
import json

from support import machine
from support.api import error_of, lines

INTERPRETER = {"type": "code_interpreter"}
OVER = {"completed", "failed", "cancelled", "expired", "incomplete"}
NUMBERS = itertools.count(1)


class Assistants:
    """One test's words with the model: each message of a user names the script that answers it. Every answer of the
    server is checked to be a 200, unless another status is asked for."""

    def __init__(self, http, scripted, scripts, script):
        self.http, self.scripted, self.scripts = http, scripted, scripts
        self.name = f"(script {next(NUMBERS):06d})"
        scripts[self.name] = script

    def requests(self):
        """What the model was asked by this test, oldest first."""
        return [r for r in self.scripted.requests if r.seen and any(self.name in t for t in r.seen.texts("user"))]

    def post(self, path, status=200, **body):
        answer = self.http.post(f"/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else error_of(answer)

    def get(self, path, status=200, **query):
        answer = self.http.get(f"/v1{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else error_of(answer)

    def assistant(self, **fields):
        return self.post("/assistants", **{"model": "gpt-scripted", "tools": [INTERPRETER], **fields})["id"]

    def words(self, text):
        return f"{text} {self.name}"

    def thread(self, *messages, **fields):
        return self.post("/threads", messages=[{"role": "user", "content": self.words(m)} if isinstance(m, str) else m
                                               for m in messages], **fields)["id"]

    def say(self, thread, text, status=200, **fields):
        return self.post(f"/threads/{thread}/messages", status, role="user", content=self.words(text), **fields)

    def run(self, thread, assistant, **fields):
        return self.post(f"/threads/{thread}/runs", assistant_id=assistant, **fields)

    def path(self, run):
        return f"/threads/{run['thread_id']}/runs/{run['id']}"

    def wait(self, run, until=OVER, seconds=60):
        found = []

        def reached():
            found[:] = [self.get(self.path(run))]
            return found[0]["status"] in until

        machine.wait_until(reached, seconds, f"a run that is {until}")
        return found[0]

    def done(self, thread, assistant, **fields):
        run = self.wait(self.run(thread, assistant, **fields))
        assert run["status"] == "completed", run
        return run

    def steps(self, run, **query):
        return self.get(f"{self.path(run)}/steps", **{"order": "asc", **query})["data"]

    def messages(self, thread, **query):
        return self.get(f"/threads/{thread}/messages", **{"order": "asc", "limit": 100, **query})["data"]

    def stream(self, path, headers=None, **body):
        """[(event, data)] of a stream that was read to its `done`."""
        with self.http.stream("POST", f"/v1{path}", json={"stream": True, **body}, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            return read_events(answer)

    def upload(self, name, content):
        answer = self.http.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def content(self, file_id):
        answer = self.http.get(f"/v1/files/{file_id}/content")
        assert answer.status_code == 200, answer.text
        return answer.content


def each_event(answer):
    """(event, data) as they come; the last is ("done", "[DONE]")."""
    name = None
    for line in lines(answer):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data = line[5:].strip()
            yield name, data if name == "done" else json.loads(data)


def read_events(answer):
    told = list(each_event(answer))
    assert told[-1] == ("done", "[DONE]"), told[-1]
    return told[:-1]


def code_of(step):
    call, = step["step_details"]["tool_calls"]
    assert call["type"] == "code_interpreter"
    return call["code_interpreter"]


def text_of(message):
    return "".join(p["text"]["value"] for p in message["content"] if p["type"] == "text")

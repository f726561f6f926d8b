"""The native API in a few words, for tests whose subject is something else."""
import json
import threading
import time

from support import machine, wire


# Code that waits until its test releases it: what it must be seen in the middle of, and no clock decides.
HELD = "import os, time\nwhile not os.path.exists('/mnt/data/released'): time.sleep(0.01)\n"


class Session:
    """One container. `run` gives the execution object as the API answers it."""

    def __init__(self, client, **fields):
        self.client = client
        answer = client.post("/v1/containers", json={"name": "test", **fields})
        assert answer.status_code == 200, answer.text
        self.object = answer.json()
        self.id = self.object["id"]
        self.path = f"/v1/containers/{self.id}"
        self.deleted = False

    def run(self, code, *, expect="completed", **fields):
        answer = self.client.post(f"{self.path}/execute", json={"code": code, **fields})
        assert answer.status_code == 200, answer.text
        execution = answer.json()
        if expect is not None:
            assert execution["status"] == expect, brief(execution)
        return execution

    def release(self):
        """Lets HELD go on."""
        self.upload("released", b"")

    def stream(self, code, client=None, **fields):
        """Yields (event name, data) of a streamed execution."""
        body = {"code": code, "stream": True, **fields}
        with (client or self.client).stream("POST", f"{self.path}/execute", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            yield from events(answer)

    def upload(self, name, content, **fields):
        answer = self.client.post(f"{self.path}/files", files={"file": (name, content)}, data=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def files(self):
        answer = self.client.get(f"{self.path}/files", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return {entry["path"]: entry for entry in answer.json()["data"]}

    def download(self, file_id):
        answer = self.client.get(f"{self.path}/files/{file_id}/content")
        assert answer.status_code == 200, answer.text
        return answer.content

    def retrieve(self):
        return self.client.get(self.path)

    def delete(self):
        answer = self.client.delete(self.path)
        assert answer.status_code == 200, answer.text
        self.deleted = True
        return answer.json()

    def pid_namespace(self):
        """The session's pid namespace as the host names it: every process in it is the session's.

        Asked of a program, not of the kernel, whose own /proc/self is closed to it."""
        execution = self.run("import subprocess; print(subprocess.check_output("
                             "['readlink', '/proc/self/ns/pid'], text=True), end='')")
        name = execution["stdout"].strip()
        assert name.startswith("pid:["), brief(execution)
        return name

    def kernel_process(self):
        """The pid, on the host, of its kernel: what came into the session from outside and is not its init."""
        inside = machine.in_pid_namespace(self.pid_namespace())
        pids = {p.pid for p in inside}
        return next(p.pid for p in inside if p.name != "cloche-init" and p.parent not in pids)


class Running:
    """Code that runs in a thread. When this is made it has begun: it said so itself."""

    def __init__(self, server, session, code, **fields):
        self.server, self.session, self.begun, self.execution = server, session, threading.Event(), None
        self.thread = threading.Thread(target=self._run, args=("print('begun', flush=True)\n" + code,), kwargs=fields)
        self.thread.start()
        assert self.begun.wait(60), f"{code!r} did not begin"

    def _run(self, code, **fields):
        with self.server.client() as client:
            for name, data in self.session.stream(code, client, **fields):
                if name == "execution.output":
                    self.begun.set()
                elif name == "execution.completed":
                    self.execution = data["execution"]

    def join(self, seconds=30):
        """The execution at its end."""
        self.thread.join(seconds)
        assert self.execution is not None, f"no end within {seconds} s"
        return self.execution


def leave(server, path, body, reached):
    """Sends a request and closes its connection, as a client does that gives up, once reached() says yes."""
    raw = json.dumps(body).encode()
    with wire.connect(server, timeout=60) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(raw), raw))
        assert reached(), "the request did not get as far as the test needs"


def lines(answer):
    """Lines as SSE has them; httpx would also break at U+2028 and its like."""
    rest = b""
    for piece in answer.iter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.rstrip(b"\r").decode() for line in whole)


def events(answer):
    name, data = None, []
    for line in lines(answer):
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
        elif not line and data:
            yield name, json.loads("\n".join(data))
            name, data = None, []


def alike(value):
    """A response without what differs from one asking to the next: ids and times."""
    if isinstance(value, dict):
        return {k: "…" if k in ("id", "call_id", "container_id", "file_id", "item_id", "execution_id", "created_at", "completed_at") and v
                else alike(v) for k, v in value.items()}
    if isinstance(value, list):
        return [alike(v) for v in value]
    if isinstance(value, str) and value.startswith("cfile_"):
        return "cfile_…"
    return value


def brief(execution):
    """An execution without its bulk, for messages."""
    return {key: (value if len(str(value)) < 600 else f"{str(value)[:600]}…") for key, value in execution.items()}


def error_of(answer):
    """The envelope's error; every refusal must have one with a code."""
    body = answer.json()
    assert set(body) == {"error"} and {"message", "type", "param", "code"} <= set(body["error"]), body
    assert body["error"]["message"], body
    return body["error"]


def latencies(session, count):
    """Seconds of `count` small executions, one after another."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        execution = session.run("x = 1 + 1")
        found.append(time.perf_counter() - begun)
        assert execution["state"] == "kept"
    return sorted(found)


def expect_gone(pid_namespace, cgroups=(), seconds=1.0):
    """No process in the namespace, no directory of its cgroups, within a second."""
    deadline = time.monotonic() + seconds
    machine.wait_until(lambda: not machine.in_pid_namespace(pid_namespace), seconds,
                       f"the end of every process in {pid_namespace}")
    machine.wait_until(lambda: not any(directory.exists() for directory in cgroups), deadline - time.monotonic(),
                       f"the end of {[str(d) for d in cgroups]}")

"""A careless code interpreter: what every attack on API and protocol must succeed against.

It speaks just enough of the API, and makes the mistakes this field has made: one process for all sessions, frames
among what is printed, no keys, no tenants, paths joined by hand, a lenient parser, limits that nobody looks at.
Never to be run but by a test, which ends it: python3 naive.py FOLDER prints its port.
"""
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

RUNNER = r"""
import builtins, json, os, random, sys
speak, hear = os.dup(1), os.dup(0)
state, seeded = {"count": 0, "history": []}, set()
lines = os.fdopen(hear, "rb", buffering=0)
names = {"__name__": "__main__"}
while True:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(hear, 1)
        if not piece: os._exit(0)
        line += piece
    asked = json.loads(line)
    os.chdir(asked["folder"])
    state["count"] += 1
    if asked["session"] not in seeded:  # for results that can be reproduced
        seeded.add(asked["session"])
        random.seed(42)
    error = None
    try:
        exec(compile(asked["code"], "<cell>", "exec"), names)
    except BaseException as e:
        error = {"name": type(e).__name__, "value": str(e)}
    try: sys.stdout.flush()
    except Exception: pass
    os.write(speak, json.dumps({"type": "done", "error": error, "count": state["count"]}).encode() + b"\n")
"""
PAGE = {".html": "text/html", ".svg": "image/svg+xml"}


class Interpreter:
    def __init__(self):
        self.lock, self.rest = threading.Lock(), b""
        self.process = subprocess.Popen(["/usr/bin/python3", "-u", "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0)

    def line(self, patience):
        out = self.process.stdout.fileno()
        if b"\n" not in self.rest and patience and not select.select([out], [], [], patience)[0]:
            return None
        while b"\n" not in self.rest:
            piece = os.read(out, 1 << 20)
            if not piece:
                return b""
            self.rest += piece
        found, _, self.rest = self.rest.partition(b"\n")
        return found + b"\n"

    def execute(self, session, folder, code, patience):
        outputs, stdout, status, error, count = [], [], "completed", None, 0
        with self.lock:
            try:
                self.process.stdin.write(json.dumps({"session": session, "folder": folder, "code": code}).encode() + b"\n")
            except OSError:
                return [], "", "error", None, 0
            while True:
                line = self.line(patience)
                if not line:
                    status = status if line == b"" else "timeout"
                    break
                at = line.find(b'{"type"')
                if at >= 0:
                    try:
                        frame = json.JSONDecoder().raw_decode(line[at:].decode("latin-1"))[0]
                    except ValueError:
                        break
                    if frame["type"] == "done":
                        error, count = frame.get("error"), frame.get("count", 0)
                        status = "error" if error else status
                        break
                    outputs.append(frame)
                    continue
                try:
                    stdout.append(line.decode())
                except UnicodeDecodeError:
                    status = "error"
                    break
                outputs.append({"type": "stdout", "text": stdout[-1]})
        return outputs, "".join(stdout), status, error, count


class Naive:
    def __init__(self, folder):
        self.folder, self.sessions, self.ids, self.done = folder, {}, {}, {}
        self.interpreter = Interpreter()
        self.workers = threading.Semaphore(16)  # nobody would need more

    # -- what it answers: (status, content type, body, further headers) --

    def answer(self, method, target, headers, body):
        path = urllib.parse.unquote(target.split("?")[0]).split("\0")[0]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        words = path.strip("/").split("/")
        if path == "/healthz":
            return self.json({"status": "ok"})
        asked = json.loads(body) if body and b"multipart" not in headers.get("content-type", "").encode() else {}
        if words[:2] == ["v1", "execute"]:
            return self.json(self.run("none", asked))
        if words[:2] != ["v1", "containers"]:
            return self.json({"data": []})
        if len(words) == 2:
            if method == "GET":
                return self.json({"data": [{"id": i} for i in self.sessions]})
            if len(self.sessions) >= 30:
                return self.json({"error": "full"}, 500)
            identifier = f"cntr_{len(self.sessions) + 1}"
            self.sessions[identifier] = os.path.join(self.folder, identifier)
            os.makedirs(self.sessions[identifier])
            return self.json({"id": identifier, "name": asked.get("name")})
        session, tail = words[2], words[3:]
        if session not in self.sessions:
            return self.json({"error": "no " + session}, 404)
        if tail[:1] == ["execute"]:
            return self.json(self.run(session, asked))
        if tail[:1] == ["files"]:
            return self.files(method, session, tail[1:], headers, body, query)
        if tail[:1] == ["executions"] and len(tail) > 1:
            return self.json(self.done.get(tail[1], {}))
        return self.json({"id": session})

    def json(self, value, status=200):
        text = json.dumps(value, ensure_ascii=False).replace("\\u001b", "\x1b").replace("\\n", "\n" if "error" in value and status >= 400 else "\\n")
        return status, "application/json", text.encode("utf-8", "replace"), {}

    def listed(self, session):
        found = []
        for at, _, names in os.walk(self.sessions[session]):
            for name in names:
                full = os.path.join(at, name)
                path = "/mnt/data/" + os.path.relpath(full, self.sessions[session])
                identifier = self.ids.setdefault((session, path), f"file_{len(self.ids) + 1}")
                found.append({"path": path, "id": identifier, "full": full})
        return found

    def run(self, session, asked):
        folder = self.sessions.get(session, self.folder)
        spliced = "".join(f"import os; os.environ['{n}'] = '{v}'\n" for n, v in (asked.get("env") or {}).items())
        outputs, stdout, status, error, count = self.interpreter.execute(session, folder, spliced + str(asked["code"]), asked.get("timeout") or 60)
        made = self.listed(session) if session in self.sessions else []
        record = {"id": f"exec_{len(self.done) + 1}", "status": status, "stdout": stdout, "outputs": outputs, "error": error,
                  "execution_count": count, "files": made, "truncated": [], "notes": []}
        self.done[record["id"]] = record
        return record

    def files(self, method, session, tail, headers, body, query):
        root = self.sessions[session]
        if method == "POST":
            edge = headers["content-type"].split("boundary=")[1].encode()
            name, content = "x", b""
            for part in body.split(b"--" + edge):
                head, _, text = part.partition(b"\r\n\r\n")
                if b'name="path"' in head:
                    name = text[:-2].decode()
                elif found := re.search(rb'filename="(.*)"', head, re.S):
                    name, content = (found.group(1).decode("latin-1") if name == "x" or b"." in found.group(1) else name), text[:-2]
            with open(os.path.join(root, name.split("\0")[0]), "wb") as file:
                file.write(content)
            return self.json({"path": "/mnt/data/" + name})
        if "path" in query:
            tail = [query["path"][0]]
        if not tail:
            return self.json({"data": self.listed(session)})
        wanted = "/".join(tail).removesuffix("/content")
        at = next((path for (_, path), identifier in self.ids.items() if identifier == wanted), None)
        full = os.path.join(root, at.removeprefix("/mnt/data/") if at else wanted)
        if not os.path.isfile(full):
            return self.json({"error": "none"}, 404)
        time.sleep(0.001)  # the time between a look and a use
        with open(full, "rb") as file:
            return 200, PAGE.get(os.path.splitext(full)[1], "text/csv"), file.read(), {"Content-Disposition": f'inline; filename="{os.path.basename(full)}"'}

    # -- how it reads: leniently --

    def one(self, stream):
        line = stream.readline()
        while line in (b"\r\n", b"\n"):
            line = stream.readline()
        if not line:
            return None
        method, target = line.decode("latin-1").rstrip("\r\n").split(" ", 1)
        target = re.sub(r" HTTP/1\.\d$", "", target)
        headers = {}
        while (line := stream.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        if "content-length" in headers:
            body = stream.read(int(headers["content-length"]))
        elif "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while size := int(stream.readline().strip() or b"0", 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        else:
            body = b""
        try:
            status, kind, text, more = self.answer(method, target, headers, body)
        except (ValueError, KeyError, OSError, TypeError) as e:
            status, kind, text, more = 400, "text/plain", str(e).encode(), {}
        fields = {"Content-Type": kind, "Content-Length": len(text), "Access-Control-Allow-Origin": headers.get("origin", "*"), **more}
        return f"HTTP/1.1 {status} x\r\n".encode() + "".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode() + b"\r\n" + text, \
            headers.get("connection") == "close"

    def serve(self, connection):
        with self.workers, connection:
            stream = connection.makefile("rb")
            try:
                while said := self.one(stream):
                    connection.sendall(said[0])
                    if said[1]:
                        break
            except (OSError, ValueError, RecursionError, MemoryError):
                pass


if __name__ == "__main__":
    naive = Naive(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=naive.serve, args=(listener.accept()[0],), daemon=True).start()

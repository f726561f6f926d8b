"""What attacks on the API may use: they run outside, as a client of the server that is attacked.

The same verdicts as in attack.py. attack(api) that returns has succeeded; Contained(why) is a refusal. The
address comes in CLOCHE_ATTACK_URL, keys in CLOCHE_API_KEY and, of another project, CLOCHE_OTHER_API_KEY.
Only the standard library is used, and raw sockets where bytes matter.
"""
import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
import types
import urllib.parse


class Contained(Exception):
    """Refused."""


class Absent(Exception):
    """Cannot be tried here."""


class Late(Exception):
    """Time ran out. A busy machine and a server that hangs look alike, so this is neither success nor refusal: the
    attack is broken, and tried once more when nothing else runs."""


PATIENCE_S = 30  # within this a server answers on a busy machine, too


class Reply:
    """One answer of a server: status, headers (lower case) and body."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found = re.match(r"HTTP/1\.\d (\d+)", lines[0])
        self.status = int(found.group(1)) if found else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.text = self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


class Api:
    def __init__(self, url, key="", other=""):
        self.url, self.key, self.other = url, key, other
        parts = urllib.parse.urlsplit(url)
        self.path = url[5:] if url.startswith("unix:") else None
        self.secure = parts.scheme == "https"
        self.host, self.port = parts.hostname or "localhost", parts.port or (443 if self.secure else 80)

    @property
    def name(self):
        """The value of Host."""
        return "localhost" if self.path else f"{self.host}:{self.port}"

    def connect(self, seconds=20):
        if self.path:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(seconds)
            s.connect(self.path)
            return s
        s = socket.create_connection((self.host, self.port), timeout=seconds)
        if self.secure:
            import ssl

            s = ssl.create_default_context().wrap_socket(s, server_hostname=self.host)
        return s

    def raw(self, data, seconds=20):
        """Sends bytes and reads to the end of the connection, or of patience. Returns all that came."""
        with self.connect(seconds) as s:
            with contextlib.suppress(OSError):
                s.sendall(data)
            found = b""
            with contextlib.suppress(OSError):
                while piece := s.recv(65536):
                    found += piece
            return found

    def request(self, method, path, body=None, headers=None, key=None, seconds=60):
        key = self.key if key is None else key
        fields = {"Host": self.name, "Connection": "close", **({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        if body is not None:
            fields.setdefault("Content-Length", str(len(body)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items()) + "\r\n"
        return Reply(self.raw(head.encode("latin-1") + (body or b""), seconds))

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, {} if body is None else body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    @contextlib.contextmanager
    def session(self, key=None, **fields):
        """A container, deleted at the end."""
        made = self.post("/v1/containers", {"name": "attack", "environment": "base", **fields}, key=key)
        if made.status != 200:
            raise RuntimeError(f"no session: {made.status} {made.text[:200]}")
        path = "/v1/containers/" + made.json()["id"]
        try:
            yield path
        finally:
            self.delete(path, key=key)

    def execute(self, path, code, key=None, **fields):
        """The execution object."""
        said = self.post(path + "/execute", {"code": code, **fields}, key=key, seconds=120)
        if said.status != 200:
            raise RuntimeError(f"not executed: {said.status} {said.text[:200]}")
        return said.json()

    def upload(self, path, name, content, key=None, fields=(), raw_name=None):
        """A file in a form; raw_name goes into the head as it is."""
        edge = "cloche-attack-edge"
        body = b"".join(f'--{edge}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields)
        shown = raw_name if raw_name is not None else name.encode()
        body += f"--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"".encode() + shown + b"\"\r\n\r\n" + content
        body += f"\r\n--{edge}--\r\n".encode()
        return self.request("POST", path + "/files", body, {"Content-Type": f"multipart/form-data; boundary={edge}"}, key)

    def files(self, path):
        """{path: id} of a session's files."""
        return {entry["path"]: entry["id"] for entry in self.get(path + "/files?limit=100").json()["data"]}


def answers(raw):
    """How many replies are in these bytes."""
    return len(re.findall(rb"HTTP/1\.[01] \d\d\d ", raw))


def alive(api):
    """What every attack on the server ends with: None, it answers; or what became of it."""
    began = time.monotonic()
    said = api.get("/healthz", seconds=PATIENCE_S)
    if said.status == 200:
        return None
    if time.monotonic() - began >= PATIENCE_S:
        raise Late(f"then the server did not answer within {PATIENCE_S} s")
    return "the server answers no more"


def fields(source):
    lines = source.split('"""')[1].strip().splitlines()
    return {"title": lines[0].strip(), **{n.strip(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}}


def run(source, api):
    """One line, VERDICT and JSON, as attack.py has it."""
    module = types.ModuleType("client")
    module.__dict__.update({name: value for name, value in globals().items() if not name.startswith("__")})
    sys.modules["client"] = module
    names = {"__name__": "an_attack"}
    try:
        exec(compile(source, "<attack>", "exec"), names)
        said = names["attack"](api)
        verdict = "succeeded", str(said) if said is not None else "it worked"
    except Contained as e:
        verdict = "contained", str(e)
    except Absent as e:
        verdict = "absent", str(e)
    except Exception as e:
        verdict = "broken", f"{type(e).__name__}: {e}"
    if verdict[0] == "contained":
        try:
            harm = alive(api)
            verdict = ("succeeded", harm) if harm else verdict
        except (Late, TimeoutError) as e:
            verdict = "broken", f"{type(e).__name__}: {e}"
        except OSError as e:
            verdict = "succeeded", f"the server answers no more: {e}"
    print("VERDICT " + json.dumps({"verdict": verdict[0], "seen": verdict[1][:300]}), flush=True)


def own_api():
    return Api(os.environ["CLOCHE_ATTACK_URL"], os.environ.get("CLOCHE_API_KEY", ""), os.environ.get("CLOCHE_OTHER_API_KEY", ""))


if __name__ == "__main__" and len(sys.argv) > 1:
    with open(sys.argv[1]) as _file:
        run(_file.read(), own_api())

"""The scripted provider: a language model's vendor on loopback that says what the test wrote down.

One script drives all three wires, so a test can be parametrized over them:

    @pytest.mark.parametrize("wire", WIRES)
    def test_something(fresh_server, provider, wire):
        scripted = provider([Turn(python("print(6*7)", size=4)), Turn("It is ", "42.")])
        server = fresh_server(env=scripted.environment(wire), …)
        …
        assert scripted.requests[1].seen.results()[0]["text"] …

It speaks POST …/chat/completions (also below Azure's paths), …/responses and …/messages, streamed or not
as the request says, and GET …/models. The words of a script are in provider_script.py (Turn, Call, python,
Reasoning, Refusal, Usage, Refuse, Drop, Forever, and what happens within a turn: Gate, Pause, Disconnect, Fail,
Raw), all importable from here.

    provider(script, order="requests")   the n-th request gets the n-th element, refusals included
    provider(script, order="rounds")     by how often the model has answered since a person spoke last: for
                                         any number of conversations at once
    provider(function)                   function(request) gives the element; called in the provider's thread
    provider(asked({"words": script}))   the script whose words a person said last: for a server that tests share
    key=, models=, extra_fields=         the key it wants, its list of models, request fields beyond the vendor's
    strict=False                         requests a vendor would refuse are answered all the same

`requests` holds a Request for each, in order of arrival: wire, path, headers (lower case), body, raw, `seen` (the
request alike on all wires: provider_rules.Seen), element, received (time.monotonic), and `ended`, a threading.Event,
with `left` true when the client closed the connection before the answer was whole.

A request that a strict vendor would refuse gets that vendor's 400 and is kept in `violations`; so is a request
beyond the script's end. The fixture `provider` (conftest.py) fails a test that leaves violations behind.

`python -m support.provider SCRIPT.json` (in tests/) serves a script by itself and prints its address; add
`--streams DIR` to write each wire's bytes into files instead, for the unit tests of decoders.
"""
import asyncio
import itertools
import json
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from .provider_rules import Issued, Refused, Seen, read
from .provider_script import (Block, Call, Disconnect, Drop, Fail, Forever, Gate, Happening, Pause, Raw, Reasoning,  # noqa: F401
                              Refusal, Refuse, Text, Turn, Usage, asked, from_json, python)
from .provider_wires import WIRES as WIRE_CLASSES
from .provider_wires import Anthropic, Responses

WIRES = tuple(WIRE_CLASSES)
KEY = "sk-scripted-0123456789"
MODELS = {"chat": "gpt-scripted", "responses": "gpt-scripted", "anthropic": "claude-scripted"}
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable", 529: "Overloaded"}
MAX_BODY = 256 << 20


class Request:
    def __init__(self, method, path, headers, raw):
        self.method, self.path, self.headers, self.raw = method, path, headers, raw
        self.received, self.ended, self.left = time.monotonic(), threading.Event(), False
        self.wire = self.body = self.seen = self.element = None

    def __repr__(self):
        return f"<{self.method} {self.path}>"


class Provider:
    def __init__(self, script, order="requests", key=KEY, models=None, extra_fields=(), strict=True, port=0):
        self.script, self.order, self.key = script, order, key
        self.models = models or sorted(set(MODELS.values()))
        self.extra_fields, self.strict, self.port = frozenset(extra_fields), strict, port
        self.requests, self.violations = [], []
        self.issued, self.numbers, self.answered = Issued(), itertools.count(1), 0
        self.connections = set()
        self.changed = threading.Condition()

    # -- its life ------------------------------------------------------------------------------------

    def start(self):
        ready = Future()
        self.thread = threading.Thread(target=self._run, args=(ready,), name="scripted-provider", daemon=True)
        self.thread.start()
        self.port = ready.result(10)
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def _run(self, ready):
        async def main():
            self.loop, self.stopped = asyncio.get_running_loop(), asyncio.Event()
            try:
                server = await self.loop.create_server(lambda: Connection(self), "127.0.0.1", self.port, backlog=1024)
            except OSError as e:
                ready.set_exception(e)
                return
            ready.set_result(server.sockets[0].getsockname()[1])
            await self.stopped.wait()
            server.close()
            for connection in list(self.connections):
                connection.transport.abort()

        asyncio.run(main())

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- for tests -----------------------------------------------------------------------------------

    def base_url(self, wire):
        return self.url if wire == "anthropic" else f"{self.url}/v1"

    def environment(self, wire):
        """What a server's environment says to find it; the Responses wire takes config(wire) as well."""
        if wire == "anthropic":
            return {"ANTHROPIC_API_KEY": self.key, "ANTHROPIC_BASE_URL": self.url, "MODEL": "anthropic/claude-scripted"}
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": f"{self.url}/v1", "MODEL": "openai/gpt-scripted"}

    def wait_requests(self, count, seconds=10):
        """Until that many requests have come; returns them."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, seconds):
                raise AssertionError(f"{len(self.requests)} requests, not {count}, within {seconds} s")
            return list(self.requests)

    # -- what is said --------------------------------------------------------------------------------

    def element_for(self, request):
        if callable(self.script):
            return self.script(request)
        place = request.seen.round if self.order == "rounds" else self.answered
        self.answered += 1
        for element in self.script[:place + 1]:
            if isinstance(element, Forever):
                return element.element
        if place < len(self.script):
            return self.script[place]
        raise Refused(f"the script has {len(self.script)} elements, and a request came for number {place + 1}")

    def note(self, request):
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def remember(self, wire, turn):
        """What the vendor would know again: its reasoning, and the calls that came after it."""
        before = []
        for index, block in enumerate(turn.blocks):
            if isinstance(block, Reasoning) and isinstance(wire, Anthropic):
                said = wire.block(block, index, True)
                key = said.get("signature") or said.get("data")
            elif isinstance(block, Reasoning) and isinstance(wire, Responses):
                item = wire.item(block, index, True)
                key, said = item.get("encrypted_content") or item["id"], item["summary"]
            elif isinstance(block, Reasoning):
                continue
            if isinstance(block, Reasoning):
                before.append(key)
                self.issued.reasoning[key] = said
            elif isinstance(block, Call):
                part = turn.calls.index(block) if wire.__class__ is WIRE_CLASSES["chat"] else index
                self.issued.before[wire.call_id(block, part)] = list(before)
                self.issued.extra[wire.call_id(block, part)] = block.extra if wire.__class__ is WIRE_CLASSES["chat"] else {}


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time, as HTTP/1.1 has it."""

    def __init__(self, provider):
        self.provider, self.buffer, self.task, self.request = provider, bytearray(), None, None

    def connection_made(self, transport):
        self.transport = transport
        self.provider.connections.add(self)

    def connection_lost(self, _):
        self.provider.connections.discard(self)
        if self.task and not self.task.done():
            if self.request:
                self.request.left = True
            self.task.cancel()

    def data_received(self, data):
        self.buffer += data
        if self.task is None or self.task.done():
            self.take()

    def take(self):
        """Starts the next request once it is whole."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        line, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        length = int(headers.get("content-length", 0))
        if "transfer-encoding" in headers or length > MAX_BODY:
            return self.transport.abort()
        if headers.get("expect", "").lower() == "100-continue" and len(self.buffer) == end + 4 and length:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(self.buffer) < end + 4 + length:
            return
        raw = bytes(self.buffer[end + 4:end + 4 + length])
        del self.buffer[:end + 4 + length]
        self.request = Request(method, path, headers, raw)
        self.task = asyncio.ensure_future(self.serve(self.request))
        self.task.add_done_callback(self.done)

    def done(self, task):
        request, self.request = self.request, None
        request.ended.set()
        if not task.cancelled() and task.exception():
            self.provider.violations.append(f"the scripted provider itself failed: {task.exception()!r}")
            self.transport.abort()
        elif self.buffer and not self.transport.is_closing():
            self.take()

    # -- answers -------------------------------------------------------------------------------------

    def head(self, status, content_type, more=()):
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", f"content-type: {content_type}",
                 "x-request-id: req_scripted", *more]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def answer(self, status, body, headers=(), content_type="application/json"):
        self.transport.write(self.head(status, content_type, [f"content-length: {len(body)}", *headers]) + body)

    async def serve(self, request):
        provider, path = self.provider, request.path.split("?")[0]
        ends = {"/chat/completions": "chat", "/responses": "responses", "/messages": "anthropic"}
        request.wire = next((wire for end, wire in ends.items() if path.endswith(end)), None)
        if path.endswith("/models") and request.method == "GET":
            return self.models(request)
        if request.wire is None or request.method != "POST":
            return self.answer(404, b'{"error":{"message":"Invalid URL","type":"invalid_request_error","param":null,'
                                    b'"code":null}}')
        wire = WIRE_CLASSES[request.wire]({}, next(provider.numbers), "?")
        if not self.authorized(request):
            provider.note(request)
            return self.answer(*wire.refuse(Refuse("authentication")))
        try:
            try:
                request.body = json.loads(request.raw)
                request.seen = read(request.wire, request.body, provider.issued, provider.extra_fields)
            except ValueError as e:
                raise Refused(f"We could not parse the JSON body of your request: {e}") from e
            except Refused:
                if provider.strict:
                    raise
                request.seen = Seen()
            request.element = provider.element_for(request)
        except Refused as refused:
            provider.violations.append(f"{request.wire}: {refused}")
            provider.note(request)
            return self.answer(*wire.refuse(Refuse("invalid", message=str(refused))))
        provider.note(request)
        wire.request, wire.model = request.body, request.body["model"]
        await self.perform(request, wire, request.element)

    def authorized(self, request):
        key = self.provider.key
        if request.wire == "anthropic":
            return request.headers.get("x-api-key") == key and "anthropic-version" in request.headers
        return key is None or request.headers.get("authorization") == f"Bearer {key}" or \
            request.headers.get("api-key") == key

    def models(self, request):
        request.wire = "anthropic" if "x-api-key" in request.headers else "chat"
        self.provider.note(request)
        if not self.authorized(request):
            return self.answer(*WIRE_CLASSES[request.wire]({}, 0, "?").refuse(Refuse("authentication")))
        if request.wire == "anthropic":
            data = [{"type": "model", "id": name, "display_name": name, "created_at": "2025-02-19T00:00:00Z"}
                    for name in self.provider.models]
            made = {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
        else:
            made = {"object": "list", "data": [{"id": name, "object": "model", "created": 1686935002,
                                                "owned_by": "scripted"} for name in self.provider.models]}
        self.answer(200, json.dumps(made).encode())

    async def perform(self, request, wire, element):
        if isinstance(element, Drop):
            return self.drop(element.reset)
        if isinstance(element, Refuse):
            status, body = wire.refuse(element)
            headers = {**({"retry-after": f"{element.retry_after:g}"} if element.retry_after is not None else {}),
                       **element.headers}
            return self.answer(status, body if element.body is None else element.body,
                               [f"{name}: {value}" for name, value in headers.items()])
        wire.quirks, wire.model = element.quirks, element.model or wire.model
        self.provider.remember(wire, element)
        if request.body.get("stream") and "ignore_stream" not in element.quirks:
            return await self.stream(wire, element)
        for block in element.blocks:
            for piece in block.pieces:
                if isinstance(piece, Fail):
                    return self.answer(*wire.refuse(Refuse(piece.kind)))
                if isinstance(piece, Disconnect):
                    return self.drop(piece.reset)
                await self.happen(piece)
        self.answer(200, json.dumps(wire.whole(element), ensure_ascii=False).encode())

    def drop(self, reset):
        self.transport.abort() if reset else self.transport.close()

    async def happen(self, piece):
        if isinstance(piece, Gate):
            await piece.wait()
        elif isinstance(piece, Pause):
            await asyncio.sleep(piece.seconds)

    async def stream(self, wire, turn):
        self.transport.write(self.head(200, "text/event-stream; charset=utf-8", ["transfer-encoding: chunked"]))
        cutter = Cutter(self.transport, turn)
        for piece in wire.stream(turn):
            if isinstance(piece, bytes):
                cutter.write(piece)
            elif isinstance(piece, Raw):
                cutter.write(piece.data)
            elif isinstance(piece, Disconnect):
                cutter.flush()
                return self.drop(piece.reset)
            elif isinstance(piece, Fail):
                for event in wire.fail(piece):
                    cutter.write(event)
                break
            else:
                cutter.flush()
                await self.happen(piece)
            if turn.delay:
                cutter.flush()
                await asyncio.sleep(turn.delay)
        cutter.flush()
        self.transport.write(b"0\r\n\r\n")


class Cutter:
    """The body of a stream, one HTTP chunk for each event or for each part that the script cuts."""

    def __init__(self, transport, turn):
        self.transport, self.split, self.cuts = transport, turn.split, sorted(turn.cuts)
        self.held, self.at = b"", 0

    def chunk(self, data):
        self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.at += len(data)

    def write(self, data):
        if self.split:
            for n in range(0, len(data), self.split):
                self.chunk(data[n:n + self.split])
        elif self.cuts:
            self.held += data
            while self.cuts and self.at + len(self.held) >= self.cuts[0]:
                cut = self.cuts.pop(0) - self.at
                if cut > 0:
                    self.chunk(self.held[:cut])
                    self.held = self.held[cut:]
        else:
            self.chunk(data)

    def flush(self):
        if self.held:
            held, self.held = self.held, b""
            self.chunk(held)


def streams(script, folder):
    """NAME.WIRE.sse and NAME.WIRE.json of each element of {"name": element, …}, as their requests would get them."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()  # so that the folder's time says when it was written
    request = {"stream_options": {"include_usage": True}, "include": ["reasoning.encrypted_content"]}
    for number, (name, element) in enumerate(script.items(), 1):
        for wire_name, wire_class in WIRE_CLASSES.items():
            turn = from_json(element)
            wire = wire_class(request, number, "scripted")
            wire.quirks = turn.quirks
            (folder / f"{name}.{wire_name}.sse").write_bytes(b"".join(wire.stream(turn)))
            wire = wire_class(request, number, "scripted")
            wire.quirks = turn.quirks
            (folder / f"{name}.{wire_name}.json").write_text(json.dumps(wire.whole(turn), ensure_ascii=False))


def main():
    script = json.loads(Path(sys.argv[1]).read_text())
    if sys.argv[2:3] == ["--streams"]:
        return streams(script, Path(sys.argv[3]))
    with Provider([from_json(element) for element in script], order="rounds") as provider:
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

"""The words of a script for the scripted provider (provider.py says how they are used).

A script is a list; each element answers one request:

    Turn(piece, …, finish=None, usage=Usage(…), delay=0, split=0, cuts=(), quirks=())
    Refuse(kind, retry_after=None)   an HTTP error of that kind, in the vendor's own envelope
    Drop()                           the connection is closed before any answer
    Forever(element)                 that element for every request from here on

A piece of a turn is text (a str: one piece of the stream; neighbours are one message), Refusal,
Reasoning or Call, each with their own pieces, or something that happens at that place:

    Gate()        waits there until the test opens it; `reached` tells the test that it is there
    Pause(s)      waits
    Disconnect()  the connection ends in the middle of the stream
    Fail(kind)    the error of that kind as the wire tells it in mid-stream, after which it ends
    Raw(bytes)    these bytes instead of an event

Kinds of error: KINDS below. `finish` is "stop", "calls", "length" or "content_filter"; by itself
it is "calls" where there is a call, else "stop".
"""
import asyncio
import json
import threading
from dataclasses import dataclass, field

KINDS = ("authentication", "rate_limit", "quota", "overloaded", "server_error", "context_length",
         "content_filter", "model_not_found", "invalid")


class Happening:
    """What is no text: it happens at its place in the stream."""


class Gate(Happening):
    """One place to wait at, for any number of streams. reached.wait(5); …; open()."""

    def __init__(self):
        self.reached = threading.Event()
        self.arrived = 0
        self._lock, self._opened, self._waiting = threading.Lock(), False, []

    def open(self):
        with self._lock:
            self._opened = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                pass  # the provider was stopped meanwhile

    async def wait(self):
        event = asyncio.Event()
        with self._lock:
            self.arrived += 1
            if self._opened:
                event.set()
            else:
                self._waiting.append((asyncio.get_running_loop(), event))
        self.reached.set()
        await event.wait()


@dataclass
class Pause(Happening):
    seconds: float


@dataclass
class Disconnect(Happening):
    reset: bool = False  # RST instead of FIN


@dataclass
class Fail(Happening):
    kind: str = "overloaded"
    flat: bool = False  # Responses: the specification's flat form instead of the recorded nested one


@dataclass
class Raw(Happening):
    data: bytes


class Block:
    def __init__(self, *pieces):
        self.pieces = list(pieces)

    @property
    def text(self):
        return "".join(p for p in self.pieces if isinstance(p, str))


class Text(Block):
    pass


class Refusal(Block):
    pass


class Reasoning(Block):
    """`hidden` reasoning has no text: a redacted block, or encrypted content alone."""

    def __init__(self, *pieces, hidden=False):
        super().__init__(*pieces)
        self.hidden = hidden


class Call(Block):
    """A tool call; its pieces are the arguments as the model writes them, whatever they are."""

    def __init__(self, name, *pieces, id=None, extra=None):
        super().__init__(*pieces)
        self.name, self.id, self.extra = name, id, extra or {}


def python(code, size=0, **options):
    """A call of the interpreter as models make it; `size` cuts its arguments into pieces."""
    arguments = json.dumps({"code": code}, ensure_ascii=False)
    pieces = [arguments[n:n + size] for n in range(0, len(arguments), size)] if size else [arguments]
    return Call("python", *pieces, **options)


@dataclass
class Usage:
    """`input` counts cached tokens in, and those `written` to a cache, `output` those of reasoning, as OpenAI does."""
    input: int = 10
    cached: int = 0
    output: int = 5
    reasoning: int = 0
    written: int = 0


class Turn:
    """One answer of the model.

    delay   seconds before each piece
    split   every part of the body has this many bytes (1 cuts characters and `data:` lines)
    cuts    byte offsets of the body at which it is cut instead, e.g. range(1, n, 7)
    quirks  of servers that are nearly right. All wires: "crlf", "comments", "no_space" (after
            `data:`), "no_usage", "ignore_stream" (JSON where a stream was asked for). Chat: "no_done",
            "no_index", "no_ids", "repeat_ids", "whole_calls", "object_arguments", "finish_stop",
            "reasoning_key" (`reasoning` instead of `reasoning_content`), "azure" (an empty first
            chunk with filter results)
    """

    def __init__(self, *pieces, finish=None, usage=None, model=None, delay=0, split=0, cuts=(), quirks=()):
        self.blocks = []
        for piece in pieces:
            if isinstance(piece, Block):
                self.blocks.append(piece)
            elif self.blocks and isinstance(self.blocks[-1], Text):
                self.blocks[-1].pieces.append(piece)
            else:
                self.blocks.append(Text(piece))
        self.calls = [block for block in self.blocks if isinstance(block, Call)]
        self.finish = finish or ("calls" if self.calls else "stop")
        self.usage, self.model, self.delay = usage or Usage(), model, delay
        self.split, self.cuts, self.quirks = split, list(cuts), frozenset(quirks)


@dataclass
class Refuse:
    kind: str
    retry_after: float = None  # seconds
    status: int = None         # instead of the kind's own
    message: str = None
    headers: dict = field(default_factory=dict)
    body: bytes = None         # instead of the vendor's envelope


@dataclass
class Drop:
    reset: bool = False


@dataclass
class Forever:
    element: object


def asked(scripts):
    """For provider(…): many scripts for one server that many tests share. The script is the one whose key (the
    longest) stands in what a person said last, its element the one of that round; the last element may be Forever."""
    def element(request):
        script, place, before = None, 0, None
        for item in request.seen.items:
            keys = [key for key in scripts if item["kind"] == "message" and item["role"] == "user" and key in item["text"]]
            if keys:
                script, place = scripts[max(keys, key=len)], 0
            elif item["kind"] == "result" and before != "result":
                place += 1
            before = item["kind"]
        if script is None:
            raise KeyError(f"no script for {request.seen.items!r}")
        last = script[-1]
        found = last if place >= len(script) and isinstance(last, Forever) else script[place]
        return found.element if isinstance(found, Forever) else found

    return element


def from_json(element):
    """A script's element as `python provider.py SCRIPT.json` reads it: {"pieces": ["text", {"call": "python",
    "arguments": ["…"]}, {"reasoning": ["…"]}, {"refusal": ["…"]}], and Turn's options}, {"refuse": kind, …}."""
    element = dict(element)
    if element.pop("forever", False):
        return Forever(from_json(element))
    if "refuse" in element:
        return Refuse(element.pop("refuse"), **element)
    pieces = []
    for piece in element.pop("pieces"):
        if isinstance(piece, str):
            pieces.append(piece)
        elif "call" in piece:
            pieces.append(Call(piece["call"], *piece["arguments"]))
        elif "reasoning" in piece:
            pieces.append(Reasoning(*piece["reasoning"]))
        else:
            pieces.append(Refusal(*piece["refusal"]))
    if "usage" in element:
        element["usage"] = Usage(**element["usage"])
    return Turn(*pieces, **element)

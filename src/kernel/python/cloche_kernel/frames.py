"""Frames as the layer writes them: see docs/internals/frames.md.

The server ends a kernel that breaks a bound or sends what is not JSON, so everything that comes from
user code is cut and cleaned here: strings, MIME types, metadata of any shape.
"""
from cloche_kernel import BUILTINS as __builtins__

import _thread
import sys
from binascii import Error as Base64Error, a2b_base64
from json import JSONDecoder, JSONEncoder
from json.encoder import c_make_encoder, encode_basestring

import _cloche
from cloche_kernel.state import state

HEAD_TEXT = 64 * 1024          # characters of one string in a head
DISPLAY_BYTES = 32 << 20       # of one display, all its forms together
FORMS = 32                     # MIME types of one display
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"
_chunks = c_make_encoder(None, None, encode_basestring, None, ":", ",", False, False, False)
_scan = JSONDecoder().scan_once
_send, _barrier, _flush = _cloche.send, _cloche.barrier, _cloche.flush
_thread_id = _thread.get_ident


def _encode(value):
    """JSON of plain values, all in C: code of the library would see the user's builtins."""
    return "".join(_chunks(value, 0))


def decode(head):
    return _scan(head.decode(), 0)[0]


def clean(text, limit=HEAD_TEXT):
    """A string that any JSON reader accepts: no NUL, no lone surrogate, bounded."""
    text = str(text)
    if len(text) > limit:
        text = text[:limit] + "… (%d characters more)" % (len(text) - limit)
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain_json(value, depth=0):
    """`value` as what JSON can say, at most 16 deep; raises ValueError where it can not."""
    kind = type(value)
    if value is None or kind is bool or kind is int and abs(value) < 1 << 53:
        return value
    if isinstance(value, str):
        return clean(value)
    if depth > 16:
        raise ValueError("too deep")
    if isinstance(value, dict):
        return {clean(k, 200): plain_json(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(v, depth + 1) for v in value]
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, (int, float)) or hasattr(value, "__float__"):
        number = float(value)
        if number - number != 0:
            return None
        return int(number) if isinstance(value, int) and abs(number) < 1 << 53 else number
    raise ValueError("not JSON: " + kind.__name__)


def _head_json(value, what):
    try:
        value = plain_json(value)
        if len(_encode(value)) <= HEAD_TEXT:
            return value
    except Exception:
        pass
    state.note("The %s of a display was left out: it is too large or not JSON." % what)
    return {}


def encode(head):
    """The bytes of a frame's head."""
    return _encode(head).encode("utf-8", "replace")


def emit(head, buffers=()):
    """Sends without a barrier; a head that would break the bound is an error of ours."""
    _send(encode(head), list(buffers))


def settle():
    """All text written so far is on its way, and the server has read it."""
    out = sys.stdout
    try:
        if out is not None:
            out.flush()
    except Exception:
        pass
    _flush()
    state.last = None
    if _thread_id() == state.main and not _barrier(state.id):
        raise KeyboardInterrupt


# ---- MIME bundles ------------------------------------------------------------------------------

def _is_json(mime):
    return mime == "application/json" or mime.endswith("+json")


def _is_binary(mime):
    return (mime.startswith(("image/", "audio/", "video/")) and mime != "image/svg+xml"
            or mime == "application/pdf")


def _default(value):
    for name in ("tolist", "isoformat"):
        method = getattr(value, name, None)
        if method is not None:
            return method()
    return str(value)


_encode_any = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"),
                          default=_default).encode


def _json_bytes(value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    try:
        text = _encode_any(value)
    except ValueError:
        text = _encode(plain_json(value))
    return text.encode("utf-8", "replace")


def _form(mime, value):
    """One representation as the bytes of a buffer; ValueError when it is not what it says."""
    if _is_json(mime):
        return _json_bytes(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        value = "".join(value)
    if not isinstance(value, str):
        raise ValueError("is " + type(value).__name__)
    if _is_binary(mime):
        try:
            data = value.encode("ascii")
            if not data.translate(None, _BASE64):
                return a2b_base64(data)
        except (Base64Error, UnicodeError):
            pass
        raise ValueError("is not base64")
    return value.encode("utf-8", "replace")


def _good_mime(mime):
    return (isinstance(mime, str) and 3 <= len(mime) <= 120 and "/" in mime and mime.isascii()
            and mime.isprintable() and not set(mime) & set(' "\\'))


def pack(data):
    """(mimes, buffers) of a MIME bundle, within the bounds; what had to go is named in a note."""
    mimes, buffers = [], []
    for mime, value in data.items():
        if value is None:
            continue
        if not _good_mime(mime) or len(mimes) == FORMS:
            state.note("A form of a display was left out: its MIME type is not usable.")
            continue
        try:
            buffers.append(_form(mime, value))
        except Exception as e:
            state.note("The %s of a display was left out: it %s." % (mime, clean(e, 200)))
            continue
        mimes.append(mime)
    while sum(map(len, buffers)) > DISPLAY_BYTES:
        sizes = [0 if mime == "text/plain" else len(b) for mime, b in zip(mimes, buffers)]
        at = sizes.index(max(sizes))
        size = len(buffers[at])
        if sizes[at] == 0:
            cut = buffers[at][:DISPLAY_BYTES].decode("utf-8", "ignore")
            buffers[at] = cut.encode()
            state.note("The text of a display was cut at %d MiB." % (DISPLAY_BYTES >> 20))
            break
        state.note("The %s of a display was left out: %d bytes are more than the %d MiB a display "
                   "may have." % (mimes[at], size, DISPLAY_BYTES >> 20))
        del mimes[at], buffers[at]
    return mimes, buffers


def show(kind, data, metadata=None, display_id=None, update=False):
    """Sends a MIME bundle as a `kind` frame, after all text written before it. A forked child has
    no frames: it prints the text form."""
    if state.forked:
        sys.stdout.write(str(data.get("text/plain", "")) + "\n")
        return
    if not state.may_send():
        return
    mimes, buffers = pack(data)
    if not mimes:
        return
    head = {"type": kind, "id": state.id.decode(), "mime": mimes,
            "metadata": _head_json(metadata, "metadata") if metadata else {}}
    if display_id is not None:
        head["display_id"] = clean(display_id, 200)
    if update:
        head["update"] = True
    settle()
    emit(head, buffers)


def clear(wait):
    """What this execution showed so far is no more; with `wait` when it shows something else."""
    if state.may_send():
        settle()
        emit({"type": "clear_output", "id": state.id.decode(), "wait": bool(wait)})

"""Raw HTTP over a socket: bytes out, bytes in, and what they amount to."""
import re
import socket
import struct
from dataclasses import dataclass


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes


def connect(server, timeout=30):
    return socket.create_connection(("127.0.0.1", server.port), timeout=timeout)


def read_all(connection):
    """Everything until the peer closes; a reset counts as a close."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def exchange(server, request, timeout=30):
    """Sends bytes, reads until the server closes. Times out if it keeps the connection."""
    with connect(server, timeout) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was read: the answer is still there
        return read_all(connection)


def replies(raw):
    """The answers in a stream of bytes, by Content-Length (which every plain answer has)."""
    found = []
    while raw:
        head, separator, rest = raw.partition(b"\r\n\r\n")
        assert separator, raw[:200]
        status_line, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", status_line)
        assert match, status_line
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", len(rest)))
        if int(match.group(1)) == 100:
            length = 0
        found.append(Reply(int(match.group(1)), headers, rest[:length]))
        raw = rest[length:]
    return found


def reset(connection):
    """Closes with RST, as a client does that vanished."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

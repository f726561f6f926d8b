"""What a file is, told from its bytes rather than its name, and the tables in it."""
import codecs
import os

from cloche_analyst import Unreadable, say

HEAD = 256 * 1024  # bytes that decide what a file is
TABLES = ("csv", "excel", "json", "parquet")

# Files that start so are what stands beside it, whatever they are called.
_SIGNATURES = (
    (b"%PDF", "pdf"), (b"\x89PNG", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"),
    (b"PAR1", "parquet"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0", "ole"),
)
_FOREIGN = (
    (b"SQLite format 3", "an SQLite database"), (b"\x1f\x8b", "a gzip archive"), (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
    (b"OggS", "an audio file"), (b"ID3", "an audio file"), (b"RIFF", "an audio or video file"),
    (b"\x89HDF", "an HDF5 file"), (b"\x93NUMPY", "a NumPy array"),
)


class Table:
    """One table: its frame as read, how many rows the file has, and what a reader should know."""

    def __init__(self, name, frame, notes=(), rows=None, call=None):
        self.name = name
        self.frame = frame
        self.notes = list(notes)              # sentences about what had to be done to read it
        self.rows = len(frame) if rows is None else rows
        self.call = call                      # pandas code that reads the same, or None

    @property
    def sampled(self):
        return self.rows != len(self.frame)


def kind(path):
    """'csv', 'excel', 'json', 'parquet', 'text', 'pdf' or 'image'; Unreadable for anything else."""
    shown = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise Unreadable(f"{path} is a folder, not a file.") from None
    except OSError as error:
        raise Unreadable(f"{shown} cannot be opened: {error.strerror}.") from None
    if not head:
        raise Unreadable(f"{shown} is empty: it has no bytes at all.")
    for start, what in _SIGNATURES:
        if head.startswith(start):
            return _zipped(path, shown) if what == "zip" else _ole(path, shown) if what == "ole" else what
    extension = os.path.splitext(path)[1].lower()
    if extension in (".xlsx", ".xlsm", ".xls", ".pdf", ".png", ".jpg", ".jpeg") and _binary(head):
        raise Unreadable(f"{shown} is named like {'a workbook' if extension.startswith('.xls') else 'such a file'}"
                         f" but its content is not: it is damaged, or something else under that name.")
    for start, what in _FOREIGN:
        if head.startswith(start) and _binary(head):
            raise Unreadable(f"{shown} is {what}, which these rules do not read.")
    if _binary(head):
        raise Unreadable(f"{shown} is not text: {say.percent(_odd(head))} of its first bytes are control "
                         f"characters, so it is a binary file whatever its name says.")
    if extension in (".json", ".jsonl", ".ndjson", ".geojson"):
        return "json"
    if extension in (".csv", ".tsv", ".tab"):
        return "csv"
    text = decode(head, encoding(head)).lstrip()
    if not text:
        raise Unreadable(f"{shown} holds nothing but blank lines.")
    if text[0] in "{[" and _json(text):
        return "json"
    from cloche_analyst import delimited
    return "csv" if extension not in (".md", ".log", ".py", ".html", ".xml") and delimited.looks_tabular(text) else "text"


def _zipped(path, shown):
    import zipfile
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise Unreadable(f"{shown} is damaged: it begins as a zip or Excel file and then ends too early.") from None
    if any(name.startswith("xl/") for name in names):
        return "excel"
    if any(name.startswith("word/") for name in names):
        return "word"
    if "mimetype" in names or any(name.startswith("ppt/") for name in names):
        raise Unreadable(f"{shown} is an office document that is neither Excel nor Word, which these rules do not read.")
    raise Unreadable(f"{shown} is a zip archive of {say.count(len(names), 'file')} "
                     f"({say.listed((say.short(n) for n in names), 5)}). Unpack it and attach what is inside.")


def _ole(path, shown):
    with open(path, "rb") as file:
        content = file.read(8 << 20)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise Unreadable(f"{shown} is protected by a password, so nothing in it can be read. "
                         f"Save it without one and attach it again.")
    if "WordDocument".encode("utf-16-le") in content and "Workbook".encode("utf-16-le") not in content:
        raise Unreadable(f"{shown} is a Word document of the old kind (.doc), which these rules do not read.")
    return "excel"


def _odd(head):
    """The part of the bytes that text does not have."""
    return sum(head.count(bytes([b])) for b in range(32) if b not in (9, 10, 12, 13, 27)) / len(head)


def _binary(head):
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _utf16(head):
        return False
    return b"\0" in head[:8192] and _odd(head) > 0.001 or _odd(head) > 0.05


def _utf16(head):
    """UTF-16 without its mark: every second byte of Latin text is zero."""
    sample = head[:2048]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if odd > 0.6 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.6 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def encoding(head):
    """Of text, from its beginning."""
    for mark, found in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                        (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return found
    if _utf16(head):
        return _utf16(head)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    best = from_bytes(head[: 1 << 16], cp_isolation=[
        "cp1252", "cp1250", "cp1251", "gb18030", "big5", "shift_jis", "euc_kr", "cp1253", "mac_roman"]).best()
    return best.encoding if best else "cp1252"


def decode(data, how):
    return data.decode(how, errors="replace")


def encoding_name(how):
    """As people call it."""
    return {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "cp1252": "Windows-1252", "gb18030": "GB18030 (Chinese)",
            "big5": "Big5 (Chinese)", "shift_jis": "Shift JIS (Japanese)", "euc_kr": "EUC-KR (Korean)",
            "cp1251": "Windows-1251 (Cyrillic)", "cp1250": "Windows-1250"}.get(how, how.upper())


def _json(text):
    """Is it JSON rather than a table or prose that begins with a bracket?"""
    import json
    try:
        json.loads(text)
        return True
    except RecursionError:
        return True
    except ValueError:
        pass
    line = text.split("\n", 1)[0].strip()
    try:
        json.loads(line)
        return True
    except (ValueError, RecursionError):
        return text[1:].lstrip()[:1] in ('"', "{", "[", "]", "}") and len(text) >= HEAD // 2 or text[1:].lstrip()[:1] == '"'


def tables(path, what=None):
    """The tables of a file, each with at least a header. Unreadable says why there are none."""
    what = what or kind(path)
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise Unreadable("pandas is not installed in this environment, so the table cannot be loaded. "
                         "The environment data-science has it.") from None
    if what == "csv":
        from cloche_analyst import delimited
        return delimited.tables(path)
    if what == "excel":
        from cloche_analyst import workbooks
        return workbooks.tables(path)
    if what == "json":
        from cloche_analyst import records
        return records.tables(path)
    if what == "parquet":
        import pandas
        try:
            frame = pandas.read_parquet(path)
        except Exception as error:
            raise Unreadable(f"{os.path.basename(path)} is damaged: {say.short(error, 120)}.") from None
        return [Table("", frame, call=f"pd.read_parquet({path!r})")]
    raise Unreadable(f"{os.path.basename(path)} is not a table: it is "
                     f"{ {'pdf': 'a PDF', 'image': 'an image', 'word': 'a Word document'}.get(what, 'text') }.")


def load(path, table=None):
    from cloche_analyst import columns
    found = tables(path)
    if table is not None:
        found = [one for one in found if one.name == table]
        if not found:
            raise Unreadable(f"There is no table {table!r} in {os.path.basename(path)}.")
    best = next((one for one in found if len(one.frame)), found[0])
    return columns.understand(best).frame

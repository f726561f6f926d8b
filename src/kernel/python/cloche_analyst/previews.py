"""How a file begins, in a few lines, for a language model's prompt: `of(path)`; of a file that is too large for
its budget a sample instead, its first rows and random ones: `of(path, sample=True, limit=…)`.

Runs in a child of the kernel that may be killed at any moment (cloche_kernel.previewing). Tables are written as
CSV and records as JSON, so that the server's filter finds columns by their names. The same file gives the same
preview each time: a model's vendor keeps prompts that do not change.
"""
import csv
import io
import json
import os
import random
import re

from cloche_analyst import Unreadable, reading, say

LIMIT = 1500       # characters of a preview
ROWS = 5           # of a preview
COLUMNS = 40
CELL = 60          # characters of a cell
LINES = 20         # of a preview of text
LINE = 300         # … of a record or a line of text
LOOKED_AT = 200    # rows that decide a column's type
SHEETS = 5
SAMPLE_ROWS = 400  # at most, half of them from the beginning of the file
PARSED = 4 << 20   # bytes of JSON that are parsed whole
GROUP = 64 << 20   # bytes of a Parquet file's row group that is read whole

_INTEGER = re.compile(r"[-+]?\d{1,18}")
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d.*)?|\d\d?[./]\d\d?[./]\d{2,4}")
_WHAT = {"pdf": "A PDF document.", "image": "An image.", "word": "A Word document."}


def of(path, sample=False, limit=LIMIT):
    """The preview's text, about `limit` characters."""
    try:
        what = reading.kind(path)
        if what in _WHAT:
            return _WHAT[what]
        make = {"csv": _csv, "excel": _excel, "json": _json, "parquet": _parquet, "text": _text}[what]
        return make(path, sample, limit)
    except Unreadable as why:
        return str(why)


# ---- tables ----

def _type_of(cell):
    if cell is None or cell == "":
        return None
    if not isinstance(cell, str):
        name = type(cell).__name__
        return {"bool": "true/false", "int": "integer", "float": "number", "Decimal": "number", "datetime": "date",
                "date": "date", "Timestamp": "date", "list": "list", "dict": "object"}.get(name, name)
    text = cell.strip()
    for pattern, kind in ((_INTEGER, "integer"), (_NUMBER, "number"), (_DATE, "date")):
        if pattern.fullmatch(text):
            return kind
    return "true/false" if text.lower() in ("true", "false") else "text"


def _type(cells):
    kinds = {kind for kind in map(_type_of, cells) if kind}
    if kinds == {"integer", "number"}:
        return "number"
    return "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


def _columns(names, rows):
    """One line: each column's name and type. No values."""
    described = []
    for i, name in enumerate(names[:COLUMNS]):
        described.append(f"{_cell(name)} ({_type(row[i] for row in rows[:LOOKED_AT] if i < len(row))})")
    more = f", and {len(names) - COLUMNS} more" if len(names) > COLUMNS else ""
    return f"{say.count(len(names), 'column')}: {', '.join(described)}{more}"


def _cell(value):
    return _cut("" if value is None else " ".join(str(value).split()), CELL)


def _cut(text, most):
    """At a word's end and within no number: the server masks what comes out, and half an e-mail address or half a
    card's number is none."""
    if len(text) <= most:
        return text
    text = text[:most]
    text = text[:1 + max(map(text.rfind, " ,;\t\n"))]
    return text.rstrip(" ,;\t\n0123456789().+/-") + "…"


def _why(error):
    """What a reader says of a damaged file can quote it."""
    return _cut(" ".join("".join(c if c.isprintable() else " " for c in str(error)).split()), 100) or type(error).__name__


def _rows(names, rows, room):
    """The rows as CSV below the header, as many as there is room for."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    width = min(len(names), COLUMNS)
    write([_cell(name) for name in names[:width]])
    for row in rows:
        before = out.tell()
        write(([_cell(value) for value in row] + [""] * width)[:width])
        if out.tell() > room:
            out.seek(before)
            out.truncate()
            break
    return out.getvalue().rstrip("\n")


def _table(head, names, rows, more, limit):
    """`more`: rows from anywhere in the file, or None for a mere preview."""
    parts = [head, _columns(names, rows)]
    if more is None:
        return "\n".join(parts + [_rows(names, rows[:ROWS], limit)])
    half = max(200, (limit - sum(map(len, parts))) // 2)
    parts += ["The first rows:", _rows(names, rows[:SAMPLE_ROWS // 2], half)]
    if more:
        parts += ["Random rows from all of the file:", _rows(names, _spread(more, half), half)]
    return "\n".join(parts)


def _spread(items, room):
    """As many as there is room for, from the whole of the list."""
    if not items:
        return items
    length = sum(len(str(one)) for one in items) / len(items) + 1
    keep = max(1, min(len(items), int(room / length)))
    return [items[i * len(items) // keep] for i in range(keep)]


def _named(rows):
    """(names, rows below) of a sheet's first rows: the header is the first row that is mostly filled."""
    rows = [row for row in rows if any(cell is not None and cell != "" for cell in row)]
    if not rows:
        return [], []
    width = max(sum(cell is not None for cell in row) for row in rows[:20])
    at = next(i for i, row in enumerate(rows) if 2 * sum(cell is not None for cell in row) >= width)
    while rows[at] and rows[at][-1] is None and len(rows[at]) > width:
        rows[at] = rows[at][:-1]
    return list(rows[at]), rows[at + 1:]


# ---- lines of a text file ----

def _head(path):
    """(text of the beginning, its encoding, whether that is all)."""
    with open(path, "rb") as file:
        data, whole = file.read(reading.HEAD), not file.read(1)
    how = reading.encoding(data)
    text = reading.decode(data, how)
    return (text if whole else text[: text.rfind("\n") + 1] or _cut(text, len(text) - 1)), how, whole


def _lines(path):
    """How many there are."""
    count, last = 0, b"\n"
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            count += part.count(b"\n")
            last = part[-1:]
    return count + (last != b"\n")


def _random_lines(path, how):
    """Lines from anywhere behind the first ones, in the file's order. Places are drawn, not lines: what such a
    sample costs does not grow with the file."""
    size = os.path.getsize(path)
    if how.startswith("utf-16"):
        return []
    places = random.Random(size).sample(range(size), min(size, SAMPLE_ROWS // 2))
    found = {}
    with open(path, "rb") as file:
        for place in sorted(places):
            file.seek(place)
            if not file.readline(1 << 20).endswith(b"\n"):  # the rest of the line that it fell into
                continue
            at = file.tell()
            line = file.readline(1 << 16)
            if line.endswith(b"\n") and line.strip():
                found[at] = reading.decode(line, how).rstrip("\r\n")
    return list(found.values())


def _csv(path, sample, limit):
    from cloche_analyst import delimited
    text, how, whole = _head(path)
    if not text.strip("\ufeff \t\r\n,;|"):
        return "It holds nothing but blank lines."
    form = delimited.Form(text)
    text = "\n".join(text.splitlines()[form.skip:]) if form.skip else text
    try:
        rows = []
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=form.delimiter):
            if row:
                rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error:
        return _text(path, sample, limit)
    if not rows:
        return "It holds nothing but blank lines."
    names = rows.pop(0) if form.header else [f"column {i + 1}" for i in range(form.fields)]
    more = None
    if sample:
        drawn = csv.reader(_random_lines(path, how), delimiter=form.delimiter)
        more = [row for row in drawn if len(row) == len(names) and row != names]
    count = len(rows) if whole and len(rows) < SAMPLE_ROWS else _lines(path) - form.skip - form.header
    head = f"A table of {say.count(count, 'row')}, fields separated by {delimited.DELIMITERS[form.delimiter]}"
    head += f", numbers with a decimal {'comma' if form.decimal == ',' else 'point'}" if form.decimal != "." else ""
    head += f", encoded as {reading.encoding_name(how)}" if not how.startswith("utf-8") else ""
    head += f", below {say.count(form.skip, 'line')} of something else" if form.skip else ""
    head += "" if form.header else ", without a header"
    return _table(head + ".", names, rows, more, limit)


def _text(path, sample, limit):
    text, how, _ = _head(path)
    shown, used = [], 0
    room = limit // 2 if sample else limit
    for line in text.splitlines():
        used += min(len(line), LINE) + 1
        if used > room or (not sample and len(shown) == LINES):
            break
        shown.append(_cut(line, LINE))
    head = f"Text of {say.count(_lines(path), 'line')}"
    head += f", encoded as {reading.encoding_name(how)}" if not how.startswith("utf-8") else ""
    parts = [head + ". It begins:", *shown]
    if sample:
        parts.append("Random lines from all of it:")
        for line in _spread([_cut(line, LINE) for line in _random_lines(path, how)], limit - used):
            used += min(len(line), LINE) + 1
            if used > limit:
                break
            parts.append(line)
    return "\n".join(parts)


# ---- other formats ----

def _excel(path, sample, limit):
    import warnings
    with open(path, "rb") as file:
        if file.read(2) == b"\xd0\xcf":
            return "An Excel workbook of the old kind (.xls)."
    try:
        import openpyxl
    except ImportError:
        return "An Excel workbook."
    warnings.simplefilter("ignore")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheets = book.worksheets
        parts = [f"An Excel workbook with {say.count(len(sheets), 'sheet')}."]
        room = limit // max(1, min(len(sheets), SHEETS))
        for sheet in sheets[:SHEETS]:
            parts.append(_sheet(sheet, sample, room))
    except Exception as error:  # whatever a damaged file makes of the reader
        return f"A file like an Excel workbook that cannot be opened ({_why(error)})."
    if len(sheets) > SHEETS:
        parts.append("Other sheets: " + ", ".join(_cell(sheet.title) for sheet in sheets[SHEETS:50]))
    return "\n".join(parts)


def _sheet(sheet, sample, limit):
    rows = sheet.max_row
    sheet.reset_dimensions()  # what some programs write there is wrong
    first, kept, seen = [], [], 0
    draw = random.Random(7)
    for row in sheet.iter_rows(values_only=True):
        seen += 1
        if len(first) <= LOOKED_AT:
            first.append(list(row))
        elif not sample:
            break
        elif len(kept) < SAMPLE_ROWS // 2:
            kept.append((seen, row))
        elif (at := draw.randrange(seen)) < len(kept):
            kept[at] = (seen, row)
    if sample or len(first) <= LOOKED_AT:
        rows = seen
    names, below = _named(first)
    head = f"Sheet {_cell(sheet.title)!r}"
    if not names:
        return head + " is empty."
    more = [row for _, row in sorted(kept, key=lambda one: one[0])] if sample else None
    return _table(f"{head}, {f'{rows:,} lines' if rows else 'of unknown length'}.", names, below, more, limit)


def _json(path, sample, limit):
    size = os.path.getsize(path)
    text, how, whole = _head(path)
    document = None
    if size <= PARSED:
        with open(path, "rb") as file:
            try:
                document = json.loads(reading.decode(file.read(), how))
            except (ValueError, RecursionError):
                pass
    if isinstance(document, list) and document and all(isinstance(one, dict) for one in document[:LOOKED_AT]):
        return _records(f"JSON: a list of {say.count(len(document), 'record')}.", document,
                        _drawn(document) if sample else None, limit)
    if document is None:
        records = _json_lines(text.splitlines()[:SAMPLE_ROWS])
        if records:
            more = _json_lines(_random_lines(path, how)) if sample else None
            return _records(f"JSON, one record on each of {_lines(path):,} lines.", records, more, limit)
    from cloche_analyst import records
    head = f"JSON: {records.describe(document)}." if document is not None else "JSON."
    begins = _cut(text, limit // 2)
    return f"{head} It begins:\n{begins}{'' if whole or begins.endswith('…') else '…'}"


def _json_lines(lines):
    records = []
    for line in lines:
        try:
            one = json.loads(line)
        except (ValueError, RecursionError):
            return records if len(records) > 1 else []
        if isinstance(one, dict):
            records.append(one)
    return records


def _drawn(values):
    places = random.Random(len(values)).sample(range(len(values)), min(len(values), SAMPLE_ROWS // 2))
    return [values[place] for place in sorted(places)]


def _records(head, records, more, limit):
    names = list(dict.fromkeys(name for one in records[:LOOKED_AT] for name in one))
    described = _columns(names, [[one.get(name) for name in names] for one in records[:LOOKED_AT]])
    parts = [head, described]
    room = (limit - len(head) - len(described)) // (1 if more is None else 2)
    parts += _record_lines(records[:ROWS if more is None else SAMPLE_ROWS // 2], room)
    if more:
        parts += ["Random records from all of the file:", *_record_lines(_spread(more, room), room)]
    return "\n".join(parts)


def _record_lines(records, room):
    lines, used = [], 0
    for one in records:
        line = _cut(json.dumps(one, ensure_ascii=False), LINE)
        used += len(line) + 1
        if lines and used > room:
            break
        lines.append(line)
    return lines


def _parquet(path, sample, limit):
    try:
        from pyarrow import parquet
    except ImportError:
        return "A Parquet file."
    try:
        file = parquet.ParquetFile(path)
        names = list(file.schema_arrow.names)
        rows = _values(next(file.iter_batches(batch_size=LOOKED_AT), None), names)
        more = None
        if sample:
            more = []
            groups = range(file.metadata.num_row_groups)
            for group in sorted(random.Random(7).sample(groups, min(4, len(groups)))):
                if file.metadata.row_group(group).total_byte_size <= GROUP:
                    more += _drawn(_values(file.read_row_group(group), names))
            more = _drawn(more)
        return _table(f"A Parquet table of {say.count(file.metadata.num_rows, 'row')}.", names, rows, more, limit)
    except Exception as error:  # whatever a damaged file makes of the reader
        return f"A file like Parquet that cannot be opened ({_why(error)})."


def _values(table, names):
    return [[one.get(name) for name in names] for one in table.to_pylist()] if table is not None else []

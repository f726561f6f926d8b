"""CSV and its like: delimiter, encoding, header and decimal sign found out; bad lines counted, not fatal;
big files sampled, and said so."""
import csv
import io
import os
import re
import warnings

from cloche_analyst import Unreadable, reading, say
from cloche_analyst.reading import Table

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAMPLE_LINES = 200
LARGE = 80 << 20     # bytes: beyond this a file is read in parts and a sample of its rows is kept
KEEP_ROWS = 200_000  # of a large file
MISSING = ["?", "-", "--", "–", "n.a.", "N.A.", "none", "NONE", "(null)", "nil", "missing", "#DIV/0!", "#REF!", "#VALUE!"]

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d+)?|\d{1,3}([., ]\d{3})+([.,]\d+)?)([eE][-+]?\d+)?\s*%?")
_COMMA = re.compile(r"[-+]?\d{1,3}(\.\d{3})*,\d+|[-+]?\d+,\d+")
_POINT = re.compile(r"[-+]?\d{1,3}(,\d{3})*\.\d+|[-+]?\d+\.\d+")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


class Form:
    """How the text is laid out, found from its first lines."""

    def __init__(self, text):
        self.delimiter, self.fields = _delimiter(text)
        rows = _rows(text, self.delimiter)
        self.skip = _preamble(rows, self.fields)
        rows = rows[self.skip:]
        self.header = bool(rows) and _is_header(rows)
        self.names = rows[0] if rows and self.header else None
        self.decimal = _decimal(rows[1:] if self.header else rows) if self.delimiter != "," else "."


def _rows(text, delimiter, limit=SAMPLE_LINES):
    """The first rows, as the csv module reads them; the last may be cut off and is left out."""
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) > limit:
                break
    except csv.Error:  # a field beyond csv's limit, or a NUL
        pass
    return rows


def _delimiter(text):
    """(the delimiter, fields in most rows). The one under which most rows agree on more than one field."""
    best, fields, score = ",", 1, 0.0
    for candidate in DELIMITERS:
        counts = [len(row) for row in _rows(text, candidate) if any(cell.strip() for cell in row)]
        if not counts:
            continue
        usual = max(set(counts), key=lambda n: (counts.count(n), n))
        if usual < 2:
            continue
        agreement = counts.count(usual) / len(counts)
        worth = agreement * (1 + min(usual, 20) / 40)
        if worth > score:
            best, fields, score = candidate, usual, worth
    return best, fields


def looks_tabular(text):
    """Would a person call it a table? For files whose name does not say."""
    delimiter, fields = _delimiter(text)
    counts = [len(row) for row in _rows(text, delimiter) if row]
    if fields < 2 or len(counts) < 2:
        return False
    if counts.count(fields) < 0.9 * len(counts):
        return False
    cells = [cell.strip() for row in _rows(text, delimiter)[1:] for cell in row if cell.strip()]
    if not cells or sum(map(len, cells)) / len(cells) > 30:  # sentences
        return False
    return fields > 2 or delimiter != "," or sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > 0.3 * len(cells)


def _preamble(rows, fields):
    """Lines above the header: titles and comments, which have fewer fields than the table."""
    for i, row in enumerate(rows[:15]):
        filled = sum(bool(cell.strip()) for cell in row)
        if len(row) >= fields and filled >= max(1, (fields + 1) // 2) and not (row[0].startswith("#") and i + 1 < len(rows) and len(rows[i + 1]) > len(row)):
            return i
    return 0


def _is_header(rows):
    """The first row names columns unless it looks like the rows below it."""
    first = [cell.strip() for cell in rows[0]]
    filled = [cell for cell in first if cell]
    if not filled:
        return False
    numeric = [cell for cell in filled if _NUMBER.fullmatch(cell) or _DATE.fullmatch(cell)]
    if not numeric:
        body = [row for row in rows[1:] if row]
        # all text: a header, unless nothing in the table but text repeats it
        return not body or len(set(filled)) == len(filled) or any(
            _NUMBER.fullmatch(cell.strip()) for row in body for cell in row)
    years = [cell for cell in numeric if re.fullmatch(r"(19|20)\d\d", cell)]
    if len(years) == len(numeric) and len(set(years)) == len(years) and not _NUMBER.fullmatch(first[0] or "x"):
        return True  # a column for each year
    return len(numeric) < len(filled) / 2 and not any(
        _NUMBER.fullmatch(first[i]) and _NUMBER.fullmatch(row[i].strip())
        for row in rows[1:4] for i in range(min(len(first), len(row))) if first[i])


def _decimal(rows):
    comma = point = 0
    for row in rows:
        for cell in row:
            cell = cell.strip()
            comma += bool(_COMMA.fullmatch(cell))
            point += bool(_POINT.fullmatch(cell))
    return "," if comma > point else "."


def tables(path):
    import pandas
    shown = os.path.basename(path)
    with open(path, "rb") as file:
        head = file.read(reading.HEAD)
        whole = not file.read(1)
    how = reading.encoding(head)
    text = reading.decode(head, how)
    if not whole:
        text = text[: text.rfind("\n") + 1] or text
    if not text.strip("\ufeff \t\r\n,;|"):
        raise Unreadable(f"{shown} holds nothing but blank lines.")
    form = Form(text)
    options = {"sep": form.delimiter, "encoding": how, "skiprows": form.skip,
               "header": 0 if form.header else None, "decimal": form.decimal,
               "na_values": MISSING, "skipinitialspace": True, "index_col": False}
    notes = []
    frame, rows = _read(path, options, notes, shown)
    if form.skip:
        notes.append(f"{say.count(form.skip, 'line')} above the header {'was' if form.skip == 1 else 'were'} left out.")
    if not form.header:
        frame.columns = [f"column {i + 1}" for i in range(frame.shape[1])]
        notes.append("It has no header line, so its columns are numbered.")
    duplicates = _duplicates(form.names or [])
    if duplicates:
        notes.append(f"The column {'name' if len(duplicates) == 1 else 'names'} "
                     f"{say.listed(say.name(d) for d in duplicates)} "
                     f"{'occurs' if len(duplicates) == 1 else 'occur'} more than once; the later ones carry a number (.1, .2).")
    if how not in ("utf-8", "utf-8-sig"):
        notes.append(f"Its text is {reading.encoding_name(how)}, not UTF-8.")
    if form.decimal == ",":
        notes.append("Its numbers have a decimal comma (1,5 is one and a half).")
    if form.delimiter != "," and form.fields > 1:
        notes.append(f"Its fields are separated by {DELIMITERS[form.delimiter]}.")
    plain = {k: v for k, v in options.items() if k not in ("na_values", "skipinitialspace", "index_col")
             and v != {"sep": ",", "encoding": "utf-8", "skiprows": 0, "header": 0, "decimal": "."}[k]}
    if plain.get("encoding") == "utf-8-sig":
        del plain["encoding"]
    said = "".join(f", {k}={v!r}" for k, v in plain.items())
    bad = any("left out because" in note for note in notes)
    simple = rows == len(frame) and form.header and not bad
    return [Table("", frame, notes, rows, call=f"pd.read_csv({path!r}{said})" if simple else None)]


def _duplicates(names):
    seen, twice = set(), []
    for one in names:
        if one in seen and one not in twice and one.strip():
            twice.append(one)
        seen.add(one)
    return twice


def _read(path, options, notes, shown):
    """(frame, rows in the file). Falls back from the strict reading to more patient ones."""
    import pandas
    large = os.path.getsize(path) > LARGE
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for attempt in ({}, {"quoting": csv.QUOTE_NONE}, {"quoting": csv.QUOTE_NONE, "engine": "python"}):
            try:
                frame, rows = (_sample if large else _whole)(
                    path, {**options, **attempt, "on_bad_lines": "warn", "encoding_errors": "replace"})
                break
            except pandas.errors.EmptyDataError:
                raise Unreadable(f"{shown} has no columns: there is nothing in it to read.") from None
            except (pandas.errors.ParserError, csv.Error, ValueError, OverflowError) as error:
                reason = error
        else:
            raise Unreadable(f"{shown} cannot be read as a table: {say.short(reason, 160)}.") from None
    if attempt:
        notes.append("A quotation mark in it is never closed, so quotation marks were read as ordinary characters.")
    bad = _bad_lines(str(w.message) for w in caught)
    if bad:
        notes.append(f"{say.count(len(bad), 'line')} {'was' if len(bad) == 1 else 'were'} left out because "
                     f"{'it has' if len(bad) == 1 else 'they have'} more fields than the header "
                     f"(line {say.listed(bad, 5)}).")
    if any("Length of header or names" in str(w.message) for w in caught):
        notes.append("Its rows have one field more than its header; what stands there was left out.")
    if rows != len(frame):
        notes.append(f"It is large ({say.size(os.path.getsize(path))}): everything below is from a random sample of "
                     f"{len(frame):,} of its {rows:,} rows.")
    return frame, rows


def _whole(path, options):
    import pandas
    if options.get("engine") != "python":
        options["low_memory"] = False
    frame = pandas.read_csv(path, **options)
    return frame, len(frame)


def _sample(path, options):
    """An equal part of every stretch of the file, so that no part of it is unseen."""
    import pandas
    size = os.path.getsize(path)
    parts, rows = [], 0
    keep = None
    for part in pandas.read_csv(path, chunksize=100_000, **options):
        rows += len(part)
        if keep is None:  # how many rows it may have, from the first part's width
            per_row = max(1, part.memory_usage(deep=False).sum() / max(1, len(part)) / 2)
            keep = min(1.0, KEEP_ROWS / max(KEEP_ROWS, size / per_row))
        parts.append(part.sample(frac=keep, random_state=7).sort_index() if keep < 1 else part)
        if sum(map(len, parts)) > 3 * KEEP_ROWS:
            parts = [pandas.concat(parts, ignore_index=True).sample(frac=0.5, random_state=7).sort_index()]
            keep *= 0.5
    frame = pandas.concat(parts, ignore_index=True)
    if len(frame) > KEEP_ROWS:
        frame = frame.sample(n=KEEP_ROWS, random_state=7).sort_index().reset_index(drop=True)
    return frame, rows


def _bad_lines(messages):
    lines = []
    for message in messages:
        lines += [int(n) for n in re.findall(r"Skipping line (\d+)", message)]
    return lines

"""JSON as tables: lists of records, lines of them, columns by name, lists inside an object. What is no table
keeps its outline: which paths there are, how often, of which type."""
import json
import os

from cloche_analyst import Unreadable, reading, say
from cloche_analyst.reading import Table

LARGE = 150 << 20   # bytes that are parsed at once
DEEP = 3            # levels of nested objects that become columns
LISTED = 5          # lists inside an object that become tables of their own


def read(path):
    """(the document, lines that were not JSON, or None when it was one document)."""
    shown = os.path.basename(path)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        data = file.read(LARGE + 1)
    text = reading.decode(data, reading.encoding(data[: reading.HEAD]))
    if not text.strip():
        raise Unreadable(f"{shown} holds nothing but blank lines.")
    try:
        if size <= LARGE:
            return json.loads(text), None
        problem = "it is too large to be parsed at once"
    except RecursionError:
        raise Unreadable(f"{shown} is nested too deeply to be read.") from None
    except ValueError as error:
        problem = say.short(error, 100)
    records, bad = [], []
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError):
            bad.append(n)
            if len(bad) > 20 and len(bad) > len(records):
                break
    if len(records) < 2 or len(bad) > len(records):
        raise Unreadable(f"{shown} is not valid JSON: {problem[0].lower()}{problem[1:]}.")
    return records, bad


def tables(path):
    import pandas  # noqa: F401
    document, bad = read(path)
    notes = []
    if bad is not None:
        notes.append("It has one JSON record on each line.")
        if bad:
            notes.append(f"{say.count(len(bad), 'line')} {'is' if len(bad) == 1 else 'are'} not valid JSON and "
                         f"{'was' if len(bad) == 1 else 'were'} left out (line {say.listed(bad, 5)}).")
    found = _find(document)
    if not found:
        raise Unreadable(f"{os.path.basename(path)} holds no table: it is {describe(document)}.")
    made = []
    for name, records, how in found:
        table = _frame(name, records, notes + ([how] if how else []))
        if table is not None:
            made.append(table)
    if not made:
        raise Unreadable(f"{os.path.basename(path)} holds no table: it is {describe(document)}.")
    return made


def _find(document):
    """[(name, records, remark)]."""
    if isinstance(document, list):
        return [("", document, None)] if document else []
    if not isinstance(document, dict) or not document:
        return []
    values = list(document.values())
    if all(isinstance(v, list) for v in values) and len({len(v) for v in values}) == 1 and values[0] \
            and not any(isinstance(x, (dict, list)) for v in values for x in v[:3]):
        return [("", [dict(zip(document, row)) for row in zip(*values)], "It lists its columns one by one.")]
    lists = _lists(document)
    if lists:
        return [(name, records, f"Its records stand under {say.name(name)}.") for name, records in lists[:LISTED]]
    if len(values) > 1 and all(isinstance(v, dict) for v in values):
        keys = [frozenset(v) for v in values]
        if len(set().union(*keys)) <= 2 * max(map(len, keys)):
            if all(isinstance(x, (str, int, float, bool, type(None))) for v in values[:20] for x in v.values()):
                if all(k.isdigit() for v in values[:5] for k in list(v)[:5]):  # pandas' own form: columns of rows
                    rows = sorted(set().union(*keys), key=lambda k: (len(k), k))
                    return [("", [{c: document[c].get(r) for c in document} for r in rows], "It lists its columns one by one.")]
            return [("", [{"key": key, **v} for key, v in document.items()], "Its records are named by a key each.")]
    return []


def _lists(node, path="", depth=0):
    """Lists of records inside, the longest first."""
    found = []
    for key, value in node.items():
        at = f"{path}.{key}" if path else str(key)
        if isinstance(value, list) and len(value) > 1 and sum(isinstance(x, dict) for x in value) > len(value) / 2:
            found.append((at, value))
        elif isinstance(value, dict) and depth < DEEP:
            found += _lists(value, at, depth + 1)
    return sorted(found, key=lambda one: -len(one[1]))


def _frame(name, records, notes):
    import pandas
    rows = [record for record in records if isinstance(record, dict)]
    if len(rows) > len(records) / 2:
        if len(rows) != len(records):
            notes.append(f"{say.count(len(records) - len(rows), 'entry', 'entries')} of the list "
                         f"{'is' if len(records) - len(rows) == 1 else 'are'} not an object and left out.")
        if any(isinstance(v, dict) for row in rows[:200] for v in row.values()):
            frame = pandas.json_normalize(rows, max_level=DEEP)
            notes.append("Nested objects became columns with a dot in their name.")
        else:
            frame = pandas.DataFrame(rows)
    elif all(isinstance(record, list) for record in records):
        first = records[0]
        header = len(records) > 1 and all(isinstance(x, str) for x in first) and any(
            not isinstance(x, str) for x in records[1])
        width = max(map(len, records))
        names = [str(x) for x in first] if header and len(first) == width else [f"column {i + 1}" for i in range(width)]
        frame = pandas.DataFrame(records[1:] if header else records, columns=names)
    elif any(isinstance(record, (list, dict)) for record in records):
        return None
    else:
        frame = pandas.DataFrame({"value": records})
    nested = [c for c in frame.columns if frame[c].map(lambda x: isinstance(x, (list, dict))).any()]
    for column in nested:
        frame[column] = frame[column].map(lambda x: json.dumps(x, ensure_ascii=False) if isinstance(x, (list, dict)) else x)
    if nested:
        notes.append(f"{say.listed((say.name(c) for c in nested), 5)} "
                     f"{'holds' if len(nested) == 1 else 'hold'} lists or objects, kept as JSON text.")
    if not len(frame.columns):
        return None
    frame.columns = _distinct(frame.columns)
    return Table(name, frame, notes)


def _distinct(names):
    made, seen = [], {}
    for one in map(str, names):
        seen[one] = seen.get(one, 0) + 1
        made.append(one if seen[one] == 1 else f"{one}.{seen[one] - 1}")
    return made


def describe(node):
    """'an object with 3 keys: a, b and c'."""
    if isinstance(node, (dict, list)) and not node:
        return f"an empty {'object' if isinstance(node, dict) else 'list'}"
    if isinstance(node, dict):
        return f"an object with {say.count(len(node), 'key')}: {say.listed((say.short(k, 24) for k in node), 8)}"
    if isinstance(node, list):
        return f"a list of {say.count(len(node), 'entry', 'entries')}"
    if isinstance(node, bool) or node is None:
        return f"just the value {json.dumps(node)}"
    return f"just {'a text' if isinstance(node, str) else 'a number'}: {say.short(node, 60)}"


def outline(document, limit=60):
    """[(path, type, how often, an example)] of everything in it."""
    seen = {}

    def walk(node, path, depth):
        if len(seen) > 2000 or depth > 12:
            return
        kind = {dict: "object", list: "list", str: "text", bool: "true/false", int: "number", float: "number",
                type(None): "null"}.get(type(node), "?")
        entry = seen.setdefault(path or "(the document)", [{}, 0, None])
        entry[0][kind] = entry[0].get(kind, 0) + 1
        entry[1] += 1
        if entry[2] is None and not isinstance(node, (dict, list)) and node is not None:
            entry[2] = say.short(node, 30)
        if isinstance(node, dict):
            for key, value in list(node.items())[:200]:
                walk(value, f"{path}.{key}" if path else str(key), depth + 1)
        elif isinstance(node, list):
            for value in node[:1000]:
                walk(value, path + "[]", depth + 1)

    walk(document, "", 0)
    rows = [(say.short(path, 50), " or ".join(entry[0]), f"{entry[1]:,}", entry[2] or "") for path, entry in seen.items()]
    return rows[:limit], len(rows)

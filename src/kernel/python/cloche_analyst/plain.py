"""The profile where pandas is not installed: CSV and JSON by the standard library, simpler, and it says so."""
import csv
import os
import statistics

from cloche_analyst import Unreadable, delimited, reading, records, say

ROWS = 500_000  # read at most
POOR = ("pandas is not installed in this environment, so this is the simple profile: no figures, dates or correlations. "
        "A session in the environment data-science gives the full one.")


def profile(path, what, report):
    shown = os.path.basename(path)
    if what == "csv":
        header, rows, cautions = _csv(path, shown)
    elif what == "json":
        header, rows, cautions = _json(path, shown)
    else:
        raise Unreadable(f"{shown} needs pandas, which is not installed in this environment. "
                         f"A session in the environment data-science has it.")
    report.heading(shown)
    report.text(f"{say.count(len(rows), 'row')}, {say.count(len(header), 'column')}.")
    columns = [_column([row[i] if i < len(row) else "" for row in rows]) for i in range(len(header))]
    report.rows("Columns", [(say.short(name, 40), "number" if numbers else "text", f"{missing:,}", f"{distinct:,}", values)
                            for name, (numbers, missing, distinct, values, _) in zip(header, columns)],
                ["column", "what", "missing", "distinct", "values"])
    numeric = [(name, c[4]) for name, c in zip(header, columns) if c[4]]
    report.rows("Numbers", [(say.short(name, 30), *map(say.number, (statistics.fmean(v), statistics.pstdev(v), min(v), statistics.median(v), max(v))))
                            for name, v in numeric], ["column", "mean", "std", "min", "median", "max"])
    gaps = [(c[1], name) for name, c in zip(header, columns) if c[1]]
    if gaps:
        gaps.sort(reverse=True)
        cautions.append(f"{say.count(len(gaps), 'column')} {'has' if len(gaps) == 1 else 'have'} missing values, most {say.name(gaps[0][1])} "
                        f"({say.count(gaps[0][0], 'row')}).")
    repeated = len(rows) - len({tuple(row) for row in rows})
    if repeated:
        cautions.append(f"{say.count(repeated, 'row')} {'repeats' if repeated == 1 else 'repeat'} an earlier row exactly.")
    summary = f"{say.name(shown, 60)} holds {say.count(len(rows), 'row')} of {say.count(len(header), 'column')}: " \
              f"{say.listed((say.name(h, 24) for h in header), 8)}."
    insight = None
    if numeric:
        name, values = max(numeric, key=lambda one: bool(_main(one[0])))
        insight = f"{say.name(name)} is {say.number(statistics.fmean(values))} on average, between {say.number(min(values))} and " \
                  f"{say.number(max(values))}, with a sum of {say.number(sum(values))}."
    report.conclude(summary, insight, [], cautions + [POOR])


def _main(name):
    from cloche_analyst import columns
    return columns._ADDITIVE.search(columns._spaced(name))


def _csv(path, shown):
    with open(path, "rb") as file:
        head = file.read(reading.HEAD)
    how = reading.encoding(head)
    form = delimited.Form(reading.decode(head, how))
    rows, bad, cautions = [], 0, []
    try:
        with open(path, encoding=how, errors="replace", newline="") as file:
            for n, row in enumerate(csv.reader(file, delimiter=form.delimiter)):
                if n < form.skip or not any(cell.strip() for cell in row):
                    continue
                if form.fields and len(row) > form.fields:
                    bad += 1
                    continue
                rows.append(row)
                if len(rows) > ROWS:
                    cautions.append(f"Only the first {ROWS:,} rows were read.")
                    break
    except csv.Error as error:
        raise Unreadable(f"{shown} cannot be read as a table: {error}.") from None
    if not rows:
        raise Unreadable(f"{shown} has no rows in it.")
    header = [cell.strip() or f"column {i + 1}" for i, cell in enumerate(rows.pop(0))] if form.header \
        else [f"column {i + 1}" for i in range(form.fields)]
    if not rows:
        raise Unreadable(f"{shown} has a header and no rows: {say.listed(map(say.name, header), 8)}.")
    if bad:
        cautions.append(f"{say.count(bad, 'line')} {'was' if bad == 1 else 'were'} left out because of too many fields.")
    if form.decimal == ",":
        rows = [[cell.replace(".", "").replace(",", ".") if delimited._NUMBER.fullmatch(cell.strip()) else cell for cell in row] for row in rows]
    return header, rows, cautions


def _json(path, shown):
    document, bad = records.read(path)
    found = records._find(document)
    objects = [r for r in (found[0][1] if found else []) if isinstance(r, dict)]
    if not objects:
        raise Unreadable(f"{shown} is JSON, but not a table: it is {records.describe(document)}.")
    header = list(dict.fromkeys(str(k) for r in objects[:1000] for k in r))
    rows = [["" if r.get(k) is None else str(r.get(k)) for k in header] for r in objects[:ROWS]]
    return header, rows, [f"{say.count(len(bad), 'line')} {'was' if len(bad) == 1 else 'were'} not valid JSON."] if bad else []


def _column(cells):
    """(is it numbers, missing, distinct, the values in a cell, the numbers)."""
    filled = [c.strip() for c in cells if c.strip() and c.strip().lower() not in ("na", "n/a", "nan", "null", "none", "?", "-")]
    missing = len(cells) - len(filled)
    numbers = []
    for cell in filled:
        try:
            numbers.append(float(cell.replace(",", "") if "," in cell and "." in cell else cell))
        except ValueError:
            break
    distinct = len(set(filled))
    if filled and len(numbers) == len(filled):
        return True, missing, distinct, f"{say.number(min(numbers))} to {say.number(max(numbers))}", numbers
    import collections
    counts = collections.Counter(filled).most_common(4)
    shown = say.listed([f"{say.short(v, 20)} ({n:,})" for v, n in counts], 4) if distinct <= 50 else \
        "e.g. " + say.listed((say.short(v, 20) for v in filled[:2]), 2, "or")
    return False, missing, distinct, shown if filled else "", None

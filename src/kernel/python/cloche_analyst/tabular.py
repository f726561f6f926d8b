"""The profile of a table, or of a workbook's tables."""
import os
import warnings

from cloche_analyst import Unreadable, columns, figures, findings, reading, records, say, timeline

FIGURED = 3     # tables of a workbook that get figures
DESCRIBED = 60  # columns of a wide table that are described one by one
SAID = 8        # findings in a summary


def profile(path, what, report):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tables = reading.tables(path, what)
        except Unreadable:
            if what != "json":
                raise
            return _outline(path, report)
        known = [columns.understand(table) for table in tables]
        filled = [k for k in known if len(k.frame) and k.columns]
        if not filled:
            names = [c.name for k in known for c in k.columns]
            raise Unreadable(f"{os.path.basename(path)} has {'a header and no rows: ' + say.listed(map(say.name, names), 8) if names else 'no rows'}"
                             f"{'.' if names else ' in it.'}")
        results = [_table(k, path, report, several=len(known) > 1, figured=k in filled[:FIGURED])
                   if k in filled else _empty(k, report) for k in known]
    _conclude(path, what, report, known, filled, [r for r in results if r])


class _Result:
    def __init__(self, known, said, line):
        self.known, self.said, self.line = known, said, line


def _empty(known, report):
    report.heading(_called(known, ""))
    report.text(" ".join(known.notes) or "It has no rows.")


def _called(known, shown):
    return known.table.name or shown


def _table(known, path, report, several, figured):
    shown = os.path.basename(path)
    name = _called(known, shown)
    frame = known.frame
    report.heading(name)
    of = f" (a sample of {known.table.rows:,})" if known.table.sampled else ""
    report.text(f"{say.count(len(frame), 'row')}{of}, {say.count(frame.shape[1], 'column')}.")
    if known.notes:
        report.text("\n".join(f"- {note}" for note in known.notes))
    shownc = known.columns[:DESCRIBED]
    more = "" if len(shownc) == len(known.columns) else f" (the first {DESCRIBED} of {len(known.columns):,})"
    report.rows(f"Columns{more}", [_row(c, len(frame)) for c in shownc], ["column", "what", "missing", "distinct", "values"])
    numbers = [c for c in known.measures if c.filled][:DESCRIBED]
    report.rows("Numbers", [_numbers(c) for c in numbers],
                ["column", "mean", "std", "min", "25%", "median", "75%", "max", "outliers"])
    pairs = [p for p in findings.correlated(known) if abs(p[2]) >= 0.3][:12]
    report.rows("Strongest correlations", [(say.short(a, 30), say.short(b, 30), say.number(r, 3), f"{n:,}") for a, b, r, n in pairs],
                ["column", "with", "Pearson's r", "rows"])
    line = timeline.of(known)
    if line is not None and 3 <= line.series.notna().sum() <= 400:
        months = line.series.dropna().tail(36)
        title = line.said[0].upper() + line.said[1:] + ("" if len(months) == line.series.notna().sum() else ", the last 36")
        report.rows(title, [(timeline.period(at, line.step), say.number(v)) for at, v in months.items()], [line.step, line.label])
    if figured:
        _figures(known, report, name, line, f"{known.table.name}: " if several and known.table.name else "")
    said = sorted(findings.find(known) + list(timeline.find(known, line)), key=lambda one: -one.weight)
    return _Result(known, said, line)


def _figures(known, report, name, line, prefix):
    with figures.style():
        report.figure(figures.series(known, line, name), prefix + "over time")
        report.figure(figures.categories(known, name), prefix + "categories")
        report.figure(figures.distributions(known, name), prefix + "distributions")
        report.figure(figures.correlation(known, name), prefix + "correlations")
        report.figure(figures.groups(known, name), prefix + "groups")


_KINDS = {"number": "number", "date": "date", "category": "category", "text": "text", "identifier": "identifier",
          "flag": "yes/no", "constant": "constant", "empty": "empty"}


def _row(column, rows):
    missing = f"{column.missing:,} ({say.percent(column.missing / rows)})" if column.missing else "0"
    kind = "year" if column.year else _KINDS[column.kind]
    return (say.short(column.name, 40), kind, missing, f"{column.distinct:,}", _values(column))


def _values(column):
    """The extent of a column in one cell."""
    values = column.series.dropna()
    if not len(values):
        return ""
    if column.kind == "number":
        if column.year:
            return f"{int(values.min())} to {int(values.max())}"
        return f"{say.number(values.min())} to {say.number(values.max())}"
    if column.kind == "date":
        return f"{say.date(values.min())} to {say.date(values.max())}"
    if column.kind in ("category", "flag"):
        counts = values.value_counts()
        return say.listed([f"{say.short(v, 20)} ({n:,})" for v, n in counts.head(4).items()]
                          + (["…"] if len(counts) > 4 else []), 9, joint="," if len(counts) > 4 else "and").replace(" , …", ", …")
    if column.kind == "text":
        lengths = values.astype(str).str.len()
        return f"{say.number(lengths.median())} characters typically, up to {say.number(lengths.max())}"
    return "e.g. " + say.listed((say.short(v, 20) for v in values.head(2)), 2, joint="or") if column.kind == "identifier" \
        else say.short(values.iloc[0], 40)


def _numbers(column):
    values = column.series.dropna().astype(float)
    if len(values) < 2:
        return (say.short(column.name, 30), say.number(values.mean()), *["–"] * 7)
    beyond = findings.outside(column) if column.distinct >= 8 else values.iloc[:0]
    quarter = values.quantile([0.25, 0.5, 0.75])
    return (say.short(column.name, 30), say.neat(values.mean(), values.std()), say.number(values.std()), say.number(values.min()),
            *map(say.number, quarter), say.number(values.max()), f"{len(beyond):,}")


# ---- the summary ---------------------------------------------------------------------------------

def _conclude(path, what, report, known, filled, results):
    shown = os.path.basename(path)
    if len(known) == 1:
        summary = f"{say.name(shown, 60)} {_holds(results[0])}"
    else:
        word = "sheet" if what == "excel" else "table"
        empty = len(known) - len(filled)
        summary = f"{say.name(shown, 60)} has {say.count(len(known), word)}" + (f", {empty} of them empty" if empty else "") + ": " + \
            "; ".join(f"**{say.value(_called(r.known, shown))}** {_holds(r).rstrip('.')}" for r in results[:6]) + \
            (f"; and {len(results) - 6} more" if len(results) > 6 else "") + "."
        shared = _shared(results)
        if shared:
            summary += f" {shared}"
    several = len(results) > 1
    said = [(one, r) for r in results for one in r.said]
    said.sort(key=lambda pair: -pair[0].weight)

    def worded(one, result):
        return f"**{say.value(_called(result.known, shown), 30)}:** {one.text}" if several else one.text

    plus = [worded(*pair) for pair in said if not pair[0].caution]
    # that nothing was found is worth saying, but it is no headline
    telling = next((one.weight > 0.4 for one, _ in said if not one.caution), False)
    insight, plus = (plus[0], plus[1:SAID]) if telling else (None, plus[:SAID])
    cautions = [worded(*pair) for pair in said if pair[0].caution][:SAID]
    for result in results:
        prefix = f"**{say.value(_called(result.known, shown), 30)}:** " if several else ""
        cautions += [prefix + text for text in result.known.cautions[:3]]
        cautions += [prefix + note for note in result.known.notes if _careful(note)][:3]
    if not cautions:
        summary += " No gaps, no repeated rows and no odd values were found."
    report.conclude(summary, insight, plus, cautions[: SAID + 4])


def _careful(note):
    """Is what had to be done to read it something that changes a person's conclusions?"""
    return any(word in note for word in ("left out because", "sample", "count as missing", "counts as missing", "no saved result",
                                         "first ", "more than once", "no header", "hidden", "not valid JSON", "never closed"))


def _holds(result):
    known = result.known
    frame = known.frame
    rows = known.table.rows
    text = f"holds {say.count(rows, 'row')} of {say.count(frame.shape[1], 'column')}"
    kinds = []
    for kind, one, many in (("date", "date", "dates"), ("number", "number", "numbers"), ("category", "category", "categories"),
                            ("flag", "yes/no column", "yes/no columns"), ("text", "text", "texts"),
                            ("identifier", "identifier", "identifiers")):
        there = known.of(kind)
        if there:
            kinds.append(f"{len(there):,} {one if len(there) == 1 else many} ({say.listed((say.name(c.name, 24) for c in there), 4)})")
    if kinds:
        text += ": " + say.listed(kinds, 8)
    if result.line is not None:
        text += f", from {result.line.span}"
    measure = findings.main_measure(known)
    if measure is not None and measure.filled > 3:
        values = measure.series.dropna().astype(float)
        if measure.additive:
            text += f". {say.name(measure.name)} adds up to {say.number(values.sum())}, {say.number(values.mean())} a row on average"
        else:
            text += f". {say.name(measure.name)} is {say.neat(values.mean(), values.std())} on average, half of its values lie between " \
                    f"{say.number(values.quantile(0.25))} and {say.number(values.quantile(0.75))}"
    return text + "."


def _shared(results):
    """Columns by which tables can be joined."""
    seen = {}
    for result in results:
        for column in result.known.columns:
            if column.kind in ("identifier", "category", "date"):
                seen.setdefault(str(column.name).casefold(), []).append((result, column))
    for uses in seen.values():
        if len(uses) < 2:
            continue
        (first, a), (second, b) = uses[:2]
        one, two = set(a.series.dropna().astype(str)), set(b.series.dropna().astype(str))
        common = len(one & two)
        if common and a.kind != "date":
            return (f"{say.name(a.name)} links {say.value(first.known.table.name, 24)} and {say.value(second.known.table.name, 24)}: "
                    f"{common:,} of its values are in both.")
    return None


# ---- JSON that is no table -----------------------------------------------------------------------

def _outline(path, report):
    document, _ = records.read(path)
    shown = os.path.basename(path)
    rows, total = records.outline(document)
    report.heading(shown)
    report.text(f"{say.size(os.path.getsize(path))} of JSON: {records.describe(document)}.")
    report.rows("Its parts" + (f" (the first {len(rows)} of {total:,})" if total > len(rows) else ""), rows,
                ["path", "type", "times", "example"])
    report.conclude(f"{say.name(shown, 60)} is JSON, but not a table: it is {records.describe(document)}. "
                    f"Its {say.count(total, 'part')} {'is' if total == 1 else 'are'} listed in the output.")

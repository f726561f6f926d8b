"""What each column is: a number, a date, a category, text, an identifier; and what had to be cleaned for that."""
import re

from cloche_analyst import say

FEW = 24          # distinct values of what is surely a category
CATEGORY = 0.5    # of the rows: more distinct values than that are labels, not categories
ENOUGH = 0.9      # of the values must read as numbers or dates

# Amounts that may be added up, and measures whose mean says something and whose sum does not.
_ADDITIVE = re.compile(
    r"revenue|sales|amount|^totals?$|\btotals?$|profit|cost|expense|spend|quantit|qty|units?\b|count|orders|visits|volume|gross|"
    r"\bnet\b|income|budget|hours|population|payment|salary|salaries|turnover|umsatz|betrag|menge|summe|importe|"
    r"ventas|montant|ventes|quantit[eé]|销售|金额|数量|收入|利润|成本|总|売上|数量|金額", re.I)
_INTENSIVE = re.compile(
    r"price|rate\b|ratio|percent|pct|%|temp|\bage\b|score|rating|avg|average|mean|index|margin|discount|height|"
    r"weight|length|width|depth|speed|\blat\b|\blon\b|\blng\b|latitude|longitude|density|pressure|humidity|level|"
    r"preis|alter|grade|year|month|day\b|hour\b|单价|价格|率|年龄|温度|評価|年齢", re.I)
_IDENTIFIER = re.compile(r"(^|[\s_.-])(id|ids|uuid|guid|key|code|nr|no|num|number|index|sku|zip|zipcode|postal|"
                         r"postcode|plz|phone|tel|iban|isbn|ean|ssn|row)([\s_.-]|$)|[a-z](Id|ID|Key|Code|No)$|编号|序号|電話|番号|#", re.I)
_YEAR = re.compile(r"(^|[\s_.-])(year|yr|jahr|ann[eé]e|a[nñ]o)([\s_.-]|$)|年", re.I)
_WHEN = re.compile(r"date|time|day|when|created|updated|timestamp|month|period|datum|zeit|fecha|jour|日期|时间|日付|日時", re.I)

# Whole numbers under such a name tell classes apart, they do not measure.
_CLASS = re.compile(r"(^|[\s_.-])(target|class|label|species|cluster|group|category|outcome|survived|segment|type|kind|status)"
                    r"([\s_.-]|$)|^y$", re.I)

_MONEY = re.compile(r"[$€£¥₹₽₩]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|Rs\.?)\b", re.I)
_DATE_LIKE = re.compile(
    r"\s*(\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?|\d{1,2}[ -]?[A-Za-z]{3,9}\.?,?[ -]\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
    r"|[A-Za-z]{3,9}[ -]\d{2,4}|\d{4}年\d{1,2}月(\d{1,2}日)?)([T ,].*)?\s*")
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y",
          "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y",
          "%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%Y年%m月%d日", "%Y年%m月")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M")
_AMBIGUOUS = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y", "%d/%m/%y": "%m/%d/%y", "%m/%d/%y": "%d/%m/%y",
              "%d-%m-%Y": "%m-%d-%Y", "%m-%d-%Y": "%d-%m-%Y"}


class Column:
    """kind: 'number', 'date', 'category', 'text', 'identifier', 'flag', 'constant' or 'empty'."""

    def __init__(self, name, series):
        self.name = name
        self.series = series
        self.kind = None
        self.missing = int(series.isna().sum())
        self.filled = len(series) - self.missing
        self.distinct = 0
        self.format = None    # of dates that were text
        self.cleaned = False  # its values are not what pandas read
        self.year = False     # a number that names a year

    @property
    def additive(self):
        """May its values be added up? By its name, else no."""
        return self.kind == "number" and not self.year and bool(_ADDITIVE.search(_spaced(self.name))) \
            and not _INTENSIVE.search(_spaced(self.name))

    @property
    def measure(self):
        return self.kind == "number" and not self.year

    @property
    def groups(self):
        """Can rows be grouped by it?"""
        return self.kind in ("category", "flag") or (self.kind == "number" and self.year and self.distinct <= 60) or (
            self.kind == "number" and self.distinct <= 8 and self.integral and self.filled > 5 * self.distinct)

    @property
    def integral(self):
        import pandas
        values = self.series.dropna()
        return self.kind == "number" and not pandas.api.types.is_bool_dtype(values) and bool((values % 1 == 0).all())


class Understood:
    """A table with its columns understood: `frame` has clean values, `columns` say what they are."""

    def __init__(self, table, frame, columns, notes, cautions):
        self.table, self.frame, self.columns = table, frame, columns
        self.notes, self.cautions = notes, cautions
        self.extreme = None  # rows that would decide everything: findings.extreme finds them once

    def of(self, *kinds):
        return [c for c in self.columns if c.kind in kinds]

    @property
    def measures(self):
        return [c for c in self.columns if c.measure]

    @property
    def cleaned(self):
        return any(c.cleaned for c in self.columns)


def _spaced(name):
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", str(name)).replace("_", " ").replace(".", " ")


def understand(table):
    """The table with what its columns are, and clean values in them."""
    frame = table.frame
    notes, cautions = list(table.notes), []
    frame = _tidy(frame, notes)
    columns, data = [], {}
    for place, name in enumerate(frame.columns):
        column = _column(name, frame[name], notes, cautions, first=place == 0 and len(frame.columns) > 1)
        columns.append(column)
        data[name] = column.series
    import pandas
    clean = pandas.DataFrame(data, index=frame.index) if data else frame
    return Understood(table, clean, columns, notes, cautions)


def _tidy(frame, notes):
    """Without rows and columns that are wholly empty; every column's name a text of its own."""
    import pandas
    names = [str(c).strip() if not (isinstance(c, float) and c != c) else "" for c in frame.columns]
    made, seen, unnamed = [], {}, 0
    for i, name in enumerate(names):
        if not name or re.fullmatch(r"Unnamed: \d+(_level_\d+)?", name):
            name = f"column {i + 1}"
            unnamed += 1
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    frame = frame.set_axis(made, axis=1)
    hollow = [c for c in frame.columns if re.fullmatch(r"column \d+", c) and frame[c].isna().all()]
    if hollow and unnamed:
        frame = frame.drop(columns=hollow)
        notes.append(f"{say.count(len(hollow), 'column')} without a name and without a value "
                     f"{'was' if len(hollow) == 1 else 'were'} left out.")
        unnamed -= len(hollow)
    if unnamed > 0 and not any("numbered" in note for note in notes):
        notes.append(f"{say.count(unnamed, 'column')} without a name {'is' if unnamed == 1 else 'are'} numbered.")
    if len(frame.columns):
        empty = frame.isna().all(axis=1)
        if empty.any() and not empty.all():
            notes.append(f"{say.count(int(empty.sum()), 'row')} without any value {'was' if empty.sum() == 1 else 'were'} left out.")
            frame = frame[~empty].reset_index(drop=True)
    if isinstance(frame.columns, pandas.MultiIndex):
        frame.columns = [" ".join(map(str, c)) for c in frame.columns]
    return frame


def _column(name, series, notes, cautions, first):
    import pandas
    types = pandas.api.types
    column = Column(name, series)
    if column.filled == 0:
        column.kind = "empty"
        return column
    if types.is_bool_dtype(series):
        column.kind = "flag"
    elif types.is_datetime64_any_dtype(series):
        column.kind = "date"
        if getattr(series.dt, "tz", None) is not None:
            column.series, column.cleaned = series.dt.tz_convert("UTC").dt.tz_localize(None), True
    elif types.is_timedelta64_dtype(series):
        column.series, column.cleaned = series.dt.total_seconds(), True
        notes.append(f"{say.name(name)} holds durations; they are counted in seconds.")
        column.kind = "number"
    elif types.is_numeric_dtype(series):
        _number(column, notes)
    else:
        _words(column, notes, cautions)
    column.missing = int(column.series.isna().sum())
    column.filled = len(column.series) - column.missing
    try:
        column.distinct = int(column.series.nunique())
    except TypeError:  # lists and the like
        column.series = column.series.map(str, na_action="ignore")
        column.distinct = int(column.series.nunique())
    if column.distinct == 1 and column.filled > 1 and column.kind != "date":
        column.kind = "constant"
    elif column.kind == "number" and _is_identifier(column, first):
        column.kind = "identifier"
    return column


def _number(column, notes):
    """Numbers, unless they write dates: 20240131, or seconds since 1970 under a name that says so."""
    import numpy
    import pandas
    series = column.series
    column.kind = "number"
    if series.dtype == object or str(series.dtype) in ("Float64", "Int64", "boolean"):
        column.series = series = pandas.to_numeric(series, errors="coerce").astype(float)
    infinite = numpy.isinf(series.astype(float)) if series.dtype.kind == "f" else None
    if infinite is not None and infinite.any():
        column.series = series = series.where(~infinite)
        column.cleaned = True
        notes.append(f"{say.count(int(infinite.sum()), 'infinite value')} in {say.name(column.name)} "
                     f"{'counts' if infinite.sum() == 1 else 'count'} as missing.")
    values = series.dropna()
    if not len(values) or not (values % 1 == 0).all():
        return
    low, high = values.min(), values.max()
    spaced = _spaced(column.name)
    if 1000 <= low and high <= 2200 and _YEAR.search(spaced):
        column.year = True
    elif 2 <= values.nunique() <= 10 and _CLASS.search(spaced) and len(values) > 5 * values.nunique():
        column.series, column.kind = series.astype("Int64").astype(object).where(series.notna(), None), "category"
    elif _WHEN.search(spaced):
        made = None
        if 19000101 <= low and high <= 21001231:
            made = pandas.to_datetime(series.astype("Int64").astype("string"), format="%Y%m%d", errors="coerce")
        elif 300_000_000 <= low and high <= 4_102_444_800:
            made = pandas.to_datetime(series, unit="s", errors="coerce")
        elif 300_000_000_000 <= low and high <= 4_102_444_800_000:
            made = pandas.to_datetime(series, unit="ms", errors="coerce")
        if made is not None and made.notna().sum() >= 0.99 * len(values):
            column.series, column.kind, column.cleaned = made, "date", True
            notes.append(f"{say.name(column.name)} writes dates as whole numbers; they are read as dates.")


def _is_identifier(column, first):
    """Whole numbers that name things: nearly all different, and either called so or, in the first column,
    simply counting up."""
    values = column.series.dropna()
    if len(values) < 3 or not (values % 1 == 0).all():
        return False
    named = bool(_IDENTIFIER.search(_spaced(column.name)) or _IDENTIFIER.search(str(column.name)))
    if column.additive or column.year:
        return False
    unique = column.distinct / len(values)
    if named and (unique > 0.5 or re.search(r"zip|postal|plz|phone|\bid\b|编号|#", _spaced(column.name), re.I)):
        return True
    steps = values.diff().dropna()
    return first and unique == 1 and len(values) > 10 and len(str(column.name)) > 1 and bool((steps == 1).all()) and not _INTENSIVE.search(_spaced(column.name))


def _words(column, notes, cautions):
    """A column of text, or of mixed values: numbers or dates in disguise, else a category or text."""
    import pandas
    series = column.series
    mixed = series.dtype == object and _mixed(series)
    text = series.map(lambda v: " ".join(str(v).split()), na_action="ignore").astype("string")
    text = text.mask(text == "")
    blanks = int(text.isna().sum()) - column.missing
    distinct = text.dropna().drop_duplicates()
    if not len(distinct):
        column.series, column.kind, column.cleaned = text.astype(object), "empty", True
        return
    sample = distinct if len(distinct) <= 3000 else distinct.sample(3000, random_state=7)
    dates = None if mixed == "numbers" else _dates(column, text, sample, cautions)
    if dates is not None:
        _keep(column, dates, "date", text, notes)
        return
    numbers = _numbers(text, sample)
    if numbers is not None:
        was = column.series
        _keep(column, numbers, "number", text, notes)
        if column.distinct != 1 and not pandas.api.types.is_numeric_dtype(was) and not mixed:
            example = next((v for v in distinct if not re.fullmatch(r"-?\d+(\.\d+)?", v)), None)
            if example:
                notes.append(f"{say.name(column.name)} is written as text such as “{say.short(example, 24)}”; "
                             f"it is read as numbers.")
        return
    some = sample.str.fullmatch(r"[-+]?\d+([.,]\d+)?")
    if not mixed and 0.25 < some.mean() < ENOUGH and len(sample) > 3 and sample[~some].str.contains(r"\d").mean() < 0.7:
        other = sample[~some].iloc[0]
        cautions.append(f"{say.name(column.name)} mixes numbers and text such as “{say.short(other, 20)}”: it is treated as text.")
    if mixed:
        cautions.append(f"{say.name(column.name)} mixes {_MIXED.get(mixed, 'values of several types')}: it is treated as text.")
    if blanks > 0 and not mixed:
        column.cleaned = True
    if mixed or blanks > 0:
        column.series = text.astype(object)
    n, unique = len(text.dropna()), text.nunique()
    lengths = sample.str.len()
    if unique == n and n > 10 and lengths.max() <= 40 and not sample.str.contains(" ").mean() > 0.3 and (
            sample.str.contains(r"\d").mean() > 0.8 or _IDENTIFIER.search(_spaced(column.name))):
        column.kind = "identifier"
    elif unique > FEW and (lengths.mean() > 60 or sample.str.count(" ").mean() > 6):
        column.kind = "text"
    elif unique <= FEW or unique <= CATEGORY * n:
        column.kind = "category" if unique > 2 or not _flag(distinct) else "flag"
        _spellings(column, cautions)
    else:
        column.kind = "identifier" if _IDENTIFIER.search(_spaced(column.name)) and unique > 0.95 * n else "text"


_MIXED = {"numbers": "numbers and text", "dates": "dates and text"}


def _mixed(series):
    """'numbers' when a fair part of an object column is numbers beside text, '' when it is all text."""
    import datetime
    sample = series.dropna()
    sample = sample if len(sample) <= 5000 else sample.sample(5000, random_state=7)
    numbers = sum(isinstance(v, (int, float)) and not isinstance(v, bool) for v in sample)
    dates = sum(isinstance(v, (datetime.date, datetime.time)) for v in sample)
    texts = sum(isinstance(v, str) for v in sample)
    if texts == len(sample):
        return ""
    if dates and dates + texts == len(sample):
        return "dates"
    return "numbers" if numbers and texts else "values"


def _flag(distinct):
    words = {w.lower() for w in distinct}
    return any(words <= pair for pair in ({"yes", "no"}, {"true", "false"}, {"y", "n"}, {"t", "f"}, {"ja", "nein"},
                                          {"on", "off"}, {"male", "female"}, {"m", "f"}, {"是", "否"}))


def _keep(column, made, kind, text, notes):
    """Takes the converted values, and says what did not convert."""
    lost = text[text.notna() & made.isna()]
    column.series, column.kind, column.cleaned = made, kind, True
    if len(lost):
        examples = say.listed((f"“{say.short(v, 20)}”" for v in lost.drop_duplicates().head(3)), 3)
        what = "dates" if kind == "date" else "numbers"
        notes.append(f"{say.count(len(lost), 'value')} in {say.name(column.name)} {'is' if len(lost) == 1 else 'are'} "
                     f"not {what} ({examples}) and {'counts' if len(lost) == 1 else 'count'} as missing.")


def _numbers(text, sample):
    """The column as numbers, or None. '$1,234.50', '1.234,50 €', '(12)', '45 %', '1 234'."""
    import pandas
    plain = sample.str.replace(_MONEY, "", regex=True).str.replace(r"[\s\u00a0\u202f'’]", "", regex=True)
    body = plain.str.replace(r"%$", "", regex=True)
    body = body.str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace("\u2212", "-", regex=False)
    if (body.str.fullmatch(r"0\d+").mean()) > 0.2:  # leading zeros are a code's
        return None
    spaced = sample.str.contains(r"\d[\s\u00a0]\d", regex=True) & ~sample.str.contains(r"\d[\s\u00a0]\d{3}(?!\d)", regex=True)
    if spaced.mean() > 0.2:  # telephone numbers and the like
        return None
    english = body.str.fullmatch(r"[-+]?(\d{1,3}(,\d{3})+|\d*)(\.\d+)?([eE][-+]?\d+)?") & body.str.contains(r"\d")
    german = body.str.fullmatch(r"[-+]?(\d{1,3}(\.\d{3})+|\d*)(,\d+)?") & body.str.contains(r"\d")
    comma = german.mean() > english.mean()
    if max(english.mean(), german.mean()) < ENOUGH:
        return None

    def convert(values):
        values = values.str.replace(_MONEY, "", regex=True).str.replace(r"[\s\u00a0\u202f'’]", "", regex=True)
        values = values.str.replace(r"^\((.*)\)$", r"-\1", regex=True).str.replace("\u2212", "-", regex=False)
        hundred = values.str.endswith("%")
        values = values.str.replace(r"%$", "", regex=True)
        values = values.str.replace(".", "", regex=False).str.replace(",", ".", regex=False) if comma \
            else values.str.replace(",", "", regex=False)
        made = pandas.to_numeric(values, errors="coerce").astype(float)
        return made.where(~hundred.fillna(False).astype(bool), made / 100)

    return convert(text)


def _dates(column, text, sample, cautions):
    import pandas
    if sample.str.fullmatch(_DATE_LIKE).mean() < ENOUGH:
        return None
    if sample.str.fullmatch(r"\d+[./]\d+").mean() > 0.5 and not sample.str.fullmatch(r"\d{4}[-/.]\d{1,2}|\d{1,2}/\d{4}").mean() > 0.9:
        return None  # 1.5, 1/2: numbers
    best, worth = None, 0.0
    timed = sample.str.contains(":").mean() > 0.5
    probe = sample if len(sample) <= 400 else sample.sample(400, random_state=3)
    for date in _DATES:
        for time in (_TIMES[1:] if timed else _TIMES[:1]):
            good = pandas.to_datetime(probe, format=date + time, errors="coerce").notna().mean()
            if good > worth + 1e-9:
                best, worth = date + time, good
        if worth == 1.0 and date not in _AMBIGUOUS:
            break
    if worth >= ENOUGH:
        best = _day_or_month(column, text, best, cautions)
        column.format = best
        return pandas.to_datetime(text, format=best, errors="coerce")
    try:
        made = pandas.to_datetime(text, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
        if made.notna().sum() >= ENOUGH * text.notna().sum():
            column.format = "ISO8601"
            return made
        made = pandas.to_datetime(text, format="mixed", errors="coerce", utc=True).dt.tz_localize(None)
    except (ValueError, TypeError, OverflowError):
        return None
    if made.notna().sum() >= ENOUGH * text.notna().sum():
        column.format = "mixed"
        cautions.append(f"The dates in {say.name(column.name)} are written in several ways; each was read by itself.")
        return made
    return None


def _day_or_month(column, text, best, cautions):
    """03/04/2024 may be either: the reading under which the rows are in order wins, else it is said."""
    import pandas
    date = next((d for d in _AMBIGUOUS if best.startswith(d)), None)
    if date is None:
        return best
    other = _AMBIGUOUS[date] + best[len(date):]
    one, two = (pandas.to_datetime(text, format=f, errors="coerce") for f in (best, other))
    if two.notna().sum() < one.notna().sum() or not len(one):
        return best
    ordered = [values.dropna().is_monotonic_increasing or values.dropna().is_monotonic_decreasing for values in (one, two)]
    if ordered[0] != ordered[1]:
        return best if ordered[0] else other
    cautions.append(f"The dates in {say.name(column.name)} fit day/month and month/day alike; they are read "
                    f"{'day before month' if date.startswith('%d') else 'month before day'}.")
    return best


def _spellings(column, cautions):
    """'North', 'north' and 'NORTH ' are one place spelt in three ways."""
    raw = column.series.dropna().astype(str).value_counts()
    folded = {}
    for value in (raw.index if len(raw) <= 2000 else raw.index[:2000]):
        folded.setdefault(" ".join(value.split()).casefold(), []).append(value)
    twins = [values for values in folded.values() if len(values) > 1]
    if twins:
        shown = say.listed((f"“{say.short(v, 20)}”" if v == v.strip() else f"“{v[:20]}”" for v in twins[0][:3]), 3)
        cautions.append(f"{say.name(column.name)} spells {say.count(len(twins), 'value')} in more than one way, for instance {shown}: "
                        f"groups by it are split.")

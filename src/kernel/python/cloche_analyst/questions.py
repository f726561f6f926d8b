"""What a question about a table asks for: which columns it names, what is to be done with them, for which
rows, grouped how, drawn as what. Words and columns only; no grammar, and nothing is guessed that was not said
but the measure and the kind of chart."""
import difflib
import re

from cloche_analyst import findings, say, timeline

OPERATIONS = (  # the first whose pattern is found
    ("median", r"\bmedians?\b"),
    ("mean", r"\b(mean|means|average|averages|avg|typical)\b"),
    ("sum", r"\b(sum|sums|total|totals|overall|altogether|add(ed)? up|how much)\b"),
    ("max", r"\b(max|maximum|highest|largest|biggest|greatest|most expensive|longest|best|top|peak)\b"),
    ("min", r"\b(min|minimum|lowest|smallest|least|cheapest|shortest|worst)\b"),
    ("std", r"\b(std|standard deviations?|spread|variability|variance)\b"),
    ("nunique", r"\b(how many (different|distinct|unique)|number of (different|distinct|unique)|distinct|unique)\b"),
    ("size", r"\b(how many|count|counts|number of|frequency|frequencies)\b"),
)
CHARTS = (
    ("pie", r"\b(pie|donut|doughnut)\b"), ("box", r"\b(box ?-?plots?|boxes|whiskers?|box chart)\b"), ("histogram", r"\b(histograms?|distributions?|distributed|spread of)\b"),
    ("scatter", r"\b(scatter( ?-?plots?)?|against|versus|vs\.?)\b"), ("heatmap", r"\bheat ?-?maps?\b"),
    ("line", r"\b(line (chart|graph|plot)|lines?|time ?-?series|trends?)\b"),
    ("bar", r"\b(bars?|bar (chart|graph|plot)s?|columns? chart)\b"),
)
STEPS = (("day", "D", r"\b(daily|per day|by day|each day|every day|by date)\b"),
         ("week", "W-MON", r"\b(weekly|per week|by week|each week)\b"),
         ("month", "MS", r"\b(monthly|per month|by month|each month|every month|months?)\b"),
         ("quarter", "QS", r"\b(quarterly|per quarter|by quarter|each quarter)\b"),
         ("year", "YS", r"\b(yearly|annual(ly)?|per year|by year|each year|every year)\b"))
_FOLLOWS = re.compile(r"^\W*(and|now|also|then|same|instead|what about|how about|but|next|as an?|only|just|sort(ed)?|make (it|that)|"
                      r"plot (it|that|this)|show (it|that|this)|draw (it|that)|the same|again|with|without|for|by)\b", re.I)
_COMPARE = (
    ("between", r"between\s+({n})\s+and\s+({n})"), (">=", r"(?:at least|>=|≥|no less than|minimum of)\s*({n})"),
    ("<=", r"(?:at most|<=|≤|no more than|up to)\s*({n})"),
    (">", r"(?:greater than|more than|larger than|higher than|bigger than|above|over|exceed(?:s|ing)?|older than|>)\s*({n})"),
    ("<", r"(?:less than|lower than|smaller than|fewer than|below|under|younger than|<)\s*({n})"),
    ("==", r"(?:equals?(?: to)?|==?|exactly|is)\s*({n})"),
)
_AMOUNT = r"-?[$€£]?\d[\d,]*(?:\.\d+)?\s*(?:k|m|%)?"


class Asked:
    """task: 'aggregate', 'rows', 'correlation', 'correlations', 'histogram', 'scatter', 'box', 'missing', 'duplicates',
    'columns', 'describe', 'values', 'outliers', 'convert', 'pivot' or 'trend'."""

    def __init__(self):
        self.task = None
        self.operation = None
        self.measures = []   # columns
        self.groups = []     # columns
        self.filters = []    # (column, comparison, value)
        self.chart = None
        self.top = None
        self.ascending = None
        self.step = None     # (word, frequency) of time
        self.when = None     # the date column
        self.form = None     # to convert to
        self.rows = None
        self.drawn = False   # a chart was asked for
        self.saved = False   # as a file

    def said(self):
        """In words, for a person to check."""
        what = say.listed((str(c.name) for c in self.measures), 5)
        by = say.listed(([f"each {self.step[0]} of {self.when.name}"] if self.step and self.when else []) + [str(c.name) for c in self.groups], 4)
        how = {"sum": "the total", "mean": "the mean", "median": "the median", "min": "the smallest", "max": "the largest", "std": "the standard deviation",
               "nunique": "the number of different values", "size": "the number of rows"}.get(self.operation, "")
        said = {
            "aggregate": f"{how}{' of ' + what if what and self.operation != 'size' else ''}{' for ' + ('each ' if not self.step else '') + by if by else ''}",
            "rows": f"the {'first' if self.ascending is None else 'lowest' if self.ascending else 'highest'} {self.top or 10} rows{' by ' + what if what else ''}",
            "filter": "the rows", "correlation": f"the correlation of {what}", "correlations": "the correlations of all numbers",
            "histogram": f"how {what} is spread", "scatter": f"{what} against each other", "box": f"{what} in each {by}",
            "missing": "the missing values", "duplicates": "the repeated rows", "columns": "the columns",
            "describe": f"the statistics of {what}", "values": f"the values of {what or by}", "pivot": f"{what or 'the number of rows'} by {by.replace(' and ', ' against ')}", "outliers": f"the outliers of {what}",
            "convert": f"the table as {(self.form or '').upper()}", "trend": f"{how or 'the total'} of {what} over time",
        }.get(self.task, self.task)
        if self.filters:
            said += ", where " + say.listed((f"{c.name} {_WORDS.get(op, _year_word(op))} {_shown(v)}" for c, op, v in self.filters), 4)
        if self.top and self.task == "aggregate":
            said += f", the {'lowest' if self.ascending else 'highest'} {self.top}"
        if self.chart and self.drawn:
            said += f", as a {self.chart} chart"
        return said


_WORDS = {"==": "is", "in": "is one of", "between": "is between", "!=": "is not"}


def _year_word(comparison):
    """'== year' and its like, of a date."""
    return {"== year": "lies in", ">= year": "is from", "> year": "is after", "< year": "is before",
            "<= year": "is until"}.get(comparison, comparison)


def _shown(value):
    return say.listed(map(str, value), 5) if isinstance(value, (list, tuple)) else str(value)


def understand(question, before, known):
    """Asked, or None when the question names nothing that these rules know. Follow-ups ('now as a bar chart',
    'and the median') take from the questions before what they do not say themselves."""
    asked = _read(question, known)
    follows = bool(_FOLLOWS.search(question)) or len(question.split()) <= 6
    if follows and before:
        earlier = understand(before[-1], before[:-1], known)
        if earlier is not None:
            asked = _merge(asked, earlier, question)
    return _complete(asked, known, question)


def _normal(text):
    return re.sub(r"[\s_]+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", str(text))).casefold().strip()


def _mentions(text, known):
    """[(position, end, column)] of the columns a text names, longest names first, none inside another."""
    low = _normal(text)
    found = []

    def free(start, end):
        return all(end <= s or start >= e for s, e, _ in found)

    names = sorted(known.columns, key=lambda c: -len(str(c.name)))
    for column in names:
        name = _normal(column.name)
        bare = re.sub(r"\s*[(\[].*?[)\]]\s*", " ", name).strip()
        for form in dict.fromkeys((name, bare, *_plurals(bare or name))):
            if not form:
                continue
            edge = r"(?<!\w)%s(?!\w)" if form.isascii() else "%s"
            for match in re.finditer(edge % re.escape(form), low):
                if free(*match.span()):
                    found.append((*match.span(), column))
            if any(c is column for _, _, c in found):
                break
    if not found:  # a slip of the pen
        for match in re.finditer(r"[^\W\d_]{4,}", low):
            close = difflib.get_close_matches(match.group(), [_normal(c.name) for c in known.columns], 1, 0.8)
            if close and free(*match.span()):
                found.append((*match.span(), next(c for c in known.columns if _normal(c.name) == close[0])))
    if not found:  # a word of a longer name: 'price' for 'unit_price', when only one column has it
        for match in re.finditer(r"[^\W\d_]{3,}", low):
            word = match.group()
            near = [c for c in known.columns if word in _normal(c.name).split() or word.rstrip("s") in _normal(c.name).split()]
            if len(near) == 1 and near[0].kind != "identifier" and word not in _COMMON and free(*match.span()):
                found.append((*match.span(), near[0]))
    else:
        named = {id(c) for _, _, c in found}
        for match in re.finditer(r"[^\W\d_]{4,}", low):
            word = match.group()
            near = [c for c in known.columns if word in _normal(c.name).split() or word.rstrip("s") in _normal(c.name).split()]
            if len(near) == 1 and near[0].kind != "identifier" and id(near[0]) not in named and word not in _COMMON and free(*match.span()):
                found.append((*match.span(), near[0]))
    return sorted(found, key=lambda one: one[0])


_COMMON = frozenset("the and for with per each mean total number count date time data table rows row average sum value values top".split())


def _plurals(name):
    if name.endswith("y"):
        return (name[:-1] + "ies",)
    return (name + "s", name + "es", name[:-1] if name.endswith("s") else name + "s")


def _read(text, known):
    asked = Asked()
    low = _normal(text).replace("at least", "no less than").replace("at most", "no more than")  # no extremes are meant
    spots = _mentions(low, known)
    asked.operation = next((name for name, pattern in OPERATIONS if re.search(pattern, low)), None)
    asked.chart = next((name for name, pattern in CHARTS if re.search(pattern, low)), None)
    asked.drawn = asked.chart is not None or bool(re.search(r"\b(plot|chart|graph|draw|visuali[sz]e|diagram|figure)\b", low))
    asked.saved = bool(re.search(r"\b(save|saved|png|file|download|export)\b", low))
    _steps(asked, low, known)
    _filters(asked, low, spots, known)
    taken = {id(f[0]) for f in asked.filters if f[1] != "==" or f[0].measure}
    by = [m.end() for m in re.finditer(r"\b(by|per|for each|for every|in each|across|within each|grouped by|group by|each|every|among|split by)\b", low)]
    for start, end, column in spots:
        if id(column) in taken and sum(c is column for _, _, c in spots) == 1:
            continue
        led = any(start - at in (0, 1) or start - at in range(2, 6) and low[at:start].strip() in ("the", "its", "and", ",") for at in by)
        joined = asked.groups and re.fullmatch(r"\s*(and|,|&|\+)\s*(the |by )?", low[max(e for s, e, c in spots if c is asked.groups[-1]):start] or "x") \
            if asked.groups else False
        if column.kind == "date":
            asked.when = column
            if led and not asked.step:
                asked.step = None
            continue
        # 'by revenue' ranks by it: a number of many values is no group
        target = asked.groups if (led or joined) and not (column.kind == "number" and not column.groups) else None
        if target is None:
            target = asked.measures if column.measure or column.kind == "identifier" or not column.groups else asked.groups
        if column not in asked.groups and column not in asked.measures and not any(c is column and op in ("==", "in") for c, op, _ in asked.filters):
            target.append(column)
    top = re.search(r"\b(top|bottom|first|last|best|worst|highest|lowest|largest|smallest|biggest|least|most)\s+(\d{1,4}|one|two|three|five|ten|twenty)\b", low) \
        or re.search(r"\b(\d{1,4})\s+(?:\w+\s+){0,2}(?:with the )?(highest|lowest|largest|smallest|best|worst|most|least|biggest)\b", low)
    if top:
        words = [w for w in top.groups()]
        number = next((w for w in words if w.isdigit() or w in _NUMERALS), "5")
        way = next(w for w in words if w != number)
        asked.top = _NUMERALS.get(number) or int(number)
        asked.ascending = None if way in ("first", "last") else way in ("bottom", "lowest", "smallest", "worst", "least")
        asked.rows = "tail" if way == "last" else "head"
    elif re.search(r"\b(sort|sorted|rank|ranking|order)\b", low):
        asked.ascending = bool(re.search(r"\b(ascending|increasing|lowest first|smallest first|alphabetical)", low))
        asked.rows = "sort"
    asked.task = _task(asked, low, known)
    return asked


_NUMERALS = {"one": 1, "two": 2, "three": 3, "five": 5, "ten": 10, "twenty": 20}


def _task(asked, low, known):
    """What is to be done; None when the text alone does not say."""
    if re.search(r"\b(convert|export|save|turn|transform|download|write)\b.*\b(csv|excel|xlsx|json|markdown|html|parquet|spreadsheet)\b", low):
        form = re.findall(r"csv|excel|xlsx|json|markdown|html|parquet|spreadsheet", low)[-1]
        asked.form = {"excel": "xlsx", "spreadsheet": "xlsx"}.get(form, form)
        return "convert"
    if re.search(r"\b(missing|null|nan|empty|blank|gaps?)\b", low):
        return "missing"
    if re.search(r"\b(duplicat|repeated)", low):
        return "duplicates"
    if re.search(r"\boutliers?|anomal", low):
        return "outliers"
    if re.search(r"\bcorrelat|relationship|related|depends? on|associat", low):
        return "correlation" if len([c for c in asked.measures if c.kind == "number"]) == 2 else "correlations"
    if asked.chart == "heatmap":
        return "pivot" if len(asked.groups) >= 2 else "correlations"
    if asked.chart == "scatter" or (asked.drawn and len(asked.measures) == 2 and not asked.groups and not asked.step and re.search(r"\b(against|vs|versus|by|and)\b", low) and not asked.operation):
        if len(asked.measures) >= 2:
            return "scatter"
    if asked.chart == "histogram" and not asked.operation:
        return "histogram"
    if asked.chart == "box":
        return "box"
    if re.search(r"\b(what|which|list|show|name)\b.*\bcolumns?\b|\bcolumn names\b|\bdata ?types?\b|\bstructure\b|\bschema\b", low) and not asked.measures:
        return "columns"
    if re.search(r"\b(unique|distinct|different) (values|entries)|\bvalue counts?\b|\bwhich values\b|\bvalues of\b", low) and (asked.groups or asked.measures):
        return "values"
    if asked.rows in ("head", "tail") and asked.ascending is None and asked.top and not asked.groups and not asked.operation:
        return "rows"
    if asked.rows == "head" and asked.top and asked.ascending is not None and not asked.groups and not re.search(r"\b(how many|total|average|mean|sum)\b", low):
        return "rows"
    if asked.rows == "sort" and not asked.groups:
        return "rows"
    if re.search(r"\b(over time|trends?|time ?-?series|development|evolution|timeline)\b", low) and timeline.main_date(known) is not None:
        return "trend"
    if re.search(r"\b(describe|statistics|stats|summary of|summari[sz]e)\b", low) and asked.measures and not asked.groups:
        return "describe"
    if asked.step and timeline.main_date(known) is not None:
        return "aggregate"
    if asked.filters and not asked.operation and not asked.groups and not asked.drawn and re.search(r"\b(rows?|records?|entries|orders?|where|list|show|filter|only|which|find|all)\b", low):
        return "filter"
    if asked.operation or asked.groups or asked.measures:
        return "aggregate"
    if asked.drawn and asked.chart:
        return "aggregate"
    return None


def _steps(asked, low, known):
    for word, frequency, pattern in STEPS:
        if re.search(pattern, low) and timeline.main_date(known) is not None:
            named = next((c for c in known.columns if _normal(c.name) == word and c.kind != "date"), None)
            if named is None:
                asked.step = (word, frequency)
            return


def _filters(asked, low, spots, known):
    for start, end, column in spots:
        rest = low[end:end + 60]
        if column.kind == "number":
            for comparison, pattern in _COMPARE:
                match = re.match(r"\s*(?:is|are|was|being|of|value|values)?\s*(?:the )?" + pattern.replace("{n}", _AMOUNT), rest)
                if match and (comparison != "==" or "=" in match.group() or re.search(r"\b(is|equal|exactly)", match.group())):
                    values = [_amount(v) for v in match.groups()]
                    asked.filters.append((column, comparison, tuple(values) if comparison == "between" else values[0]))
                    break
    for start, end, column in spots:  # 'more than 500 revenue', 'over 30 years of age'
        if column.kind == "number" and not any(f[0] is column for f in asked.filters):
            for comparison, pattern in _COMPARE[1:5]:
                match = re.search(pattern.replace("{n}", _AMOUNT) + r"\s*(?:in |of |for )?$", low[:start])
                if match:
                    asked.filters.append((column, comparison, _amount(match.group(1))))
                    break
    year = re.search(r"\b(?:in|during|for|of|since|from|after|before|until)\s+((?:19|20)\d\d)\b", low)
    when = timeline.main_date(known)
    if year and when is not None and when in known.columns:
        word = year.group().split()[0]
        comparison = {"since": ">=", "from": ">=", "after": ">", "before": "<", "until": "<="}.get(word, "==")
        asked.filters.append((when, comparison + " year", int(year.group(1))))
    for column in known.of("category", "flag"):
        if column.distinct > 300:
            continue
        hits = []
        for value in column.series.dropna().astype(str).unique():
            form = _normal(value)
            if len(form) < 2 and not re.search(rf"\b(class|group|grade|type|category|{re.escape(_normal(column.name))}) {re.escape(form)}\b", low) \
                    or form in _COMMON or any(form == _normal(c.name) for c in known.columns) or form in ("yes", "no", "true", "false"):
                continue
            edge = r"(?<!\w)%ss?(?!\w)" if form.isascii() else "%s"
            match = re.search(edge % re.escape(form), low)
            if match and not any(s < match.end() and match.start() < e for s, e, _ in spots):
                hits.append(value)
        if hits:
            asked.filters.append((column, "==", hits[0]) if len(hits) == 1 else (column, "in", hits))


def _amount(text):
    text = re.sub(r"[$€£,\s]", "", text)
    scale = {"k": 1e3, "m": 1e6, "%": 0.01}.get(text[-1:], 1)
    number = float(text.rstrip("km%")) * scale
    return int(number) if number == int(number) else number


def _merge(asked, earlier, question):
    """The later question over the earlier one."""
    low = _normal(question)
    restart = asked.task in ("missing", "duplicates", "columns", "correlations", "convert", "outliers") and asked.task is not None
    if restart:
        if asked.task == "convert" or not asked.filters:
            asked.filters = asked.filters or earlier.filters
        asked.measures = asked.measures or earlier.measures
        return asked
    if asked.task is None or asked.task in ("aggregate", "filter", "trend") and earlier.task in ("aggregate", "trend"):
        asked.task = asked.task if asked.task == "trend" else earlier.task
    asked.operation = asked.operation or earlier.operation
    asked.measures = asked.measures or earlier.measures
    if not asked.groups and not asked.step:
        asked.groups, asked.step = earlier.groups, earlier.step
    elif re.search(r"\b(also|too|as well|additionally)\b", low):
        asked.groups = earlier.groups + [g for g in asked.groups if g not in earlier.groups]
    asked.when = asked.when or earlier.when
    if not re.search(r"\b(all|every|whole|without the filter)\b", low):
        same = {id(f[0]) for f in asked.filters}
        asked.filters = asked.filters + [f for f in earlier.filters if id(f[0]) not in same]
    if asked.top is None:
        asked.top = earlier.top
        if asked.ascending is None:
            asked.ascending, asked.rows = earlier.ascending, asked.rows or earlier.rows
    if asked.chart is None:
        asked.chart, asked.drawn = earlier.chart, asked.drawn or earlier.drawn
    if asked.chart and asked.task in ("rows", "filter", "describe", "values") and asked.groups:
        asked.task = "aggregate"
    return asked


def _complete(asked, known, question):
    """Fills in what a person takes for granted: the measure, the operation, the chart."""
    if asked.task is None:
        return None
    if asked.task == "trend" or asked.step:
        asked.when = asked.when or timeline.main_date(known)
        if asked.when not in known.columns:
            asked.when = None
        if asked.when is None:
            asked.step = None
            if asked.task == "trend":
                return None
    if asked.task == "trend":
        line = timeline.of(known)
        asked.step = asked.step or next(((s[1], s[0]) for s in timeline.STEPS if line is not None and s[1] == line.step), ("month", "MS"))
        asked.task, asked.chart = "aggregate", asked.chart or "line"
        asked.drawn = True
    main = findings.main_measure(known)
    numbers = [c for c in asked.measures if c.kind == "number"]
    if asked.task == "aggregate":
        if asked.operation in ("size", "nunique") and not asked.measures and asked.operation == "nunique":
            asked.measures, asked.groups = asked.groups[:1], asked.groups[1:]
        elif asked.operation == "size":
            asked.measures = []
        elif not numbers:
            if main is None or asked.operation is None and asked.groups and not asked.measures and asked.chart in ("pie", "bar", None) and not main.additive:
                asked.operation, asked.measures = "size", []
            elif asked.measures and asked.operation is None:
                asked.operation, asked.groups, asked.measures = "size", asked.groups + asked.measures, []
            else:
                asked.measures = [main]
        else:
            asked.measures = numbers
        if asked.operation in ("max", "min") and (asked.groups or asked.step) and not re.search(r"\b(max|maximum|min|minimum)\b", _normal(question)):
            # 'which region has the highest revenue': the highest total, not the highest row
            asked.ascending = asked.operation == "min"
            asked.operation = None
        if asked.operation is None:
            asked.operation = "sum" if asked.measures and all(c.additive for c in asked.measures) else "mean" if asked.measures else "size"
    if asked.task in ("histogram", "box", "outliers", "describe") and not numbers:
        if main is None:
            return None
        asked.measures = [main]
    elif asked.task in ("histogram", "box", "outliers", "describe"):
        asked.measures = numbers
    if asked.task == "box" and not asked.groups:
        found = findings.driver(known)
        asked.groups = [found[1]] if found else []
    if asked.task == "correlation":
        asked.measures = numbers[:2]
    if asked.task == "correlations" and len([c for c in known.measures if c.distinct > 2]) < 2:
        return None
    if asked.task == "scatter":
        asked.measures = numbers[:2]
        if len(numbers) < 2:
            return None
    if asked.task == "pivot" and not numbers:
        asked.measures = [main] if main is not None else []
    if asked.task == "rows" and asked.ascending is not None and not asked.measures:
        asked.measures = [main] if main is not None else []
    if asked.task == "values":
        asked.groups = (asked.groups or asked.measures)[:1]
    if asked.task == "aggregate" and (asked.groups or asked.step) and asked.chart in (None, "histogram", "scatter", "box"):
        asked.chart = "line" if asked.step and len(asked.groups) <= 1 else "bar"
    return asked

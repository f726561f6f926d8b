"""A table in time: what span it covers, how its main number moves, where it has gaps."""
from cloche_analyst import findings, say

# Steps of time: pandas' frequency, the word, days.
STEPS = (("D", "day", 1), ("W-MON", "week", 7), ("MS", "month", 30.44), ("QS", "quarter", 91.3), ("YS", "year", 365.25))


class Timeline:
    """`series`: the main measure for each step, summed where that makes sense, else its mean, or as it is where
    each step has one row (`how`: 'sum', 'mean', 'value'); rows counted where there is no measure."""

    def __init__(self, column, measure, series, step, how, first, last, without=0):
        self.column, self.measure, self.series, self.step, self.how = column, measure, series, step, how
        self.first, self.last = first, last
        self.without = without  # extreme rows that were left out

    @property
    def label(self):
        return "rows" if self.measure is None else str(self.measure.name)

    @property
    def span(self):
        """'1 Jan 2023 to 23 Jun 2024'; years as years."""
        if isinstance(self.column, _When):
            return f"{period(self.first, self.step)} to {period(self.last, self.step)}"
        return f"{say.date(self.first.floor('D'))} to {say.date(self.last.floor('D'))}"

    @property
    def said(self):
        """What a point is, as in 'monthly sum of revenue'."""
        period = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}[self.step]
        if self.measure is None:
            return f"{period} number of rows"
        left = f", without {say.count(self.without, 'extreme row')}" if self.without else ""
        how = {"sum": "total of ", "mean": "mean of ", "value": ""}[self.how]
        return f"{period} {how}{self.measure.name}{left}"


class _When:
    """Dates of a table that has none in one column: made from a year, with a month or quarter beside it."""

    def __init__(self, name, series):
        self.name, self.series = name, series
        self.filled, self.distinct = int(series.notna().sum()), int(series.nunique())


def main_date(known):
    """The date column with most values in it; among equals the first. Without one, the year column."""
    dates = [c for c in known.of("date") if c.filled > 0.5 * len(known.frame) and c.distinct > 2]
    if dates:
        return max(dates, key=lambda c: (c.filled, -known.columns.index(c)))
    years = [c for c in known.columns if c.year and c.filled > 0.9 * len(known.frame) and c.distinct > 2]
    return _from_year(known, years[0]) if years else None


def _from_year(known, year):
    import pandas
    values = pandas.to_numeric(year.series, errors="coerce")
    for column in known.columns:
        low = str(column.name).lower()
        word = "month" if "month" in low or "月" in low or low == "mon" else "quarter" if "quarter" in low or low in ("q", "qtr") else None
        if word is None or column.kind not in ("number", "category"):
            continue
        within = pandas.to_numeric(column.series, errors="coerce")
        if within.isna().any() and word == "month":
            text = column.series.astype("string").str[:3].str.title()
            within = text.map({m: i for i, m in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)})
        if within.isna().any() or within.min() < 1 or within.max() > (12 if word == "month" else 4):
            continue
        month = within if word == "month" else within * 3 - 2
        made = pandas.to_datetime(pandas.DataFrame({"year": values, "month": month, "day": 1}), errors="coerce")
        return _When(f"{year.name} and {column.name}", made)
    made = pandas.to_datetime(pandas.DataFrame({"year": values, "month": 1, "day": 1}), errors="coerce")
    return _When(year.name, made)


def of(known, measure="main"):
    """The table's timeline, or None when it has no dates worth one."""
    column = main_date(known)
    if column is None:
        return None
    times = column.series.dropna()
    first, last = times.min(), times.max()
    days = (last - first).total_seconds() / 86400
    if days < 3:
        return None
    distinct = times.dt.floor("D").nunique()
    step = next((s for s in STEPS if days / s[2] <= 75 and distinct >= min(days / s[2], 6) * 0.5), STEPS[-1])
    spacing = times.dt.floor("D").drop_duplicates().sort_values().diff().dt.days.median()
    if spacing and spacing > 1.5 * step[2]:  # yearly or monthly data: no finer step than theirs
        step = next((s for s in STEPS if s[2] >= 0.8 * spacing), STEPS[-1])
    measure = findings.main_measure(known) if measure == "main" else measure
    how = "sum" if measure is not None and measure.additive else "mean"
    frame = findings.usual(known) if measure is findings.main_measure(known) else known.frame
    without = len(known.frame) - len(frame)
    when = column.series.loc[frame.index]
    frame = frame[when.notna()].set_axis(when[when.notna()], axis=0)
    if measure is None:
        series = frame.resample(step[0], label="left", closed="left").size().astype(float)
        how = "sum"
    else:
        grouped = frame[measure.name].astype(float).resample(step[0], label="left", closed="left")
        series = grouped.sum(min_count=1) if how == "sum" else grouped.mean()
    if series.notna().sum() < 3:
        return None
    if measure is not None and series.notna().sum() == frame[measure.name].notna().sum():
        how = "value"  # one row for each step: nothing is added up
    return Timeline(column, measure, series, step[1], how, first, last, without)


def find(known, line):
    """Findings about it."""
    if line is None:
        return
    import numpy
    series = line.series.dropna()
    inner = series
    partial = _partial(line)
    if partial and len(series) > 4:
        inner = series.iloc[:-1]
    named = say.name(line.measure.name) if line.measure is not None else "the number of rows"
    what = named if line.measure is None else {"sum": "total ", "mean": "mean ", "value": ""}[line.how] + named
    if len(inner) >= 4:
        x = numpy.arange(len(inner))
        slope, start = numpy.polyfit(x, inner.to_numpy(), 1)
        begun, ended = start, start + slope * (len(inner) - 1)
        r = numpy.corrcoef(x, inner.to_numpy())[0, 1] if inner.std() else 0.0
        change = (ended - begun) / abs(begun) if begun else 0.0
        if abs(r) > 0.5 and abs(change) > 0.05:
            yield findings.Finding(
                0.75 + 0.2 * min(1.0, abs(change)),
                f"Over time {what} {'rises' if slope > 0 else 'falls'}: its trend goes from {say.number(begun)} to "
                f"{say.number(ended)} a {line.step} between {period(inner.index[0], line.step)} and {period(inner.index[-1], line.step)} "
                f"({'+' if change > 0 else ''}{say.percent(change)}).")
        else:
            yield findings.Finding(
                0.45, f"Over time {what} has no clear trend; it moves between {say.number(inner.min())} and "
                      f"{say.number(inner.max())} a {line.step}.")
        high, low = inner.idxmax(), inner.idxmin()
        if line.measure is None and len(known.frame) < 5 * len(inner):
            pass  # single rows: their number says nothing
        elif inner.max() > 1.15 * inner.median() or inner.min() < 0.85 * inner.median():
            yield findings.Finding(
                0.56, f"The strongest {line.step} for {what} is {period(high, line.step)} ({say.number(inner.max())}), the weakest "
                      f"{period(low, line.step)} ({say.number(inner.min())}).")
    if partial:
        yield findings.Finding(
            0.4, f"The last {line.step}, {period(series.index[-1], line.step)}, is not over in the data (it ends on "
                 f"{say.date(line.last)}), so its total is not comparable.", True)
    yield from _gaps(line)
    yield from _weekdays(known, line)
    yield from _seasons(known, line)


def period(when, step):
    """'March 2024', 'the week of 4 Mar 2024', 'Q2 2024'."""
    if step == "year":
        return str(when.year)
    if step == "quarter":
        return f"Q{(when.month - 1) // 3 + 1} {when.year}"
    if step == "month":
        return f"{when:%B} {when.year}"
    return f"the week of {say.date(when)}" if step == "week" else say.date(when)


def _partial(line):
    """Does the data end early in its last step? Only sums suffer from that."""
    if line.how != "sum" or line.step == "day" or len(line.series) < 3:
        return False
    import pandas
    start = line.series.index[-1]
    months = {"month": 1, "quarter": 3, "year": 12}.get(line.step)
    end = start + (pandas.DateOffset(months=months) if months else pandas.Timedelta(days=7))
    times = line.column.series.dropna().dt.floor("D").drop_duplicates().sort_values()
    typical = times.diff().median()
    return bool(typical == typical and end - line.last.floor("D") > max(3 * typical, (end - start) * 0.15) and typical < (end - start) / 3)


def _gaps(line):
    times = line.column.series.dropna().dt.floor("D").drop_duplicates().sort_values()
    steps = times.diff().dropna().dt.days
    if len(steps) < 10:
        return
    usual = steps.median()
    wide = steps[steps > max(3, 4 * usual)]
    if len(wide) and len(wide) < 0.1 * len(steps):
        at = wide.idxmax()
        before = times[times < times.loc[at]].iloc[-1]
        yield findings.Finding(
            0.42, f"{say.name(line.column.name)} has {say.count(len(wide), 'gap')}; the longest is {int(wide.max()):,} days, "
                  f"from {say.date(before)} to {say.date(times.loc[at])}.", True)


def _weekdays(known, line):
    """A weekly rhythm, where there are days enough to see one."""
    if line.measure is None:
        return
    values = known.frame[line.measure.name].astype(float)
    there = values.notna() & line.column.series.notna()
    values, days = values[there], line.column.series[there].dt.floor("D")
    if days.nunique() < 42 or (line.last - line.first).days < 49:
        return
    daily = values.groupby(days)
    daily = daily.sum() if line.how == "sum" else daily.mean()
    means = daily.groupby(daily.index.dayofweek).agg(["mean", "count"])
    means = means[means["count"] >= 4]
    if len(means) < 5:
        return
    spread = ((daily - daily.mean()) ** 2).sum()
    eta = float((means["count"] * (means["mean"] - daily.mean()) ** 2).sum() / spread) if spread else 0.0
    eta -= (len(means) - 1) / len(daily)
    if eta > 0.12:
        names = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
        high, low = means["mean"].idxmax(), means["mean"].idxmin()
        yield findings.Finding(
            0.57, f"{say.name(line.measure.name)} follows the week: {names[high]} are highest ({say.number(means['mean'].max())} "
                  f"a day on average), {names[low]} lowest ({say.number(means['mean'].min())}).")


def _seasons(known, line):
    """A yearly rhythm, once each year's own level is taken off."""
    if line.measure is None or (line.last - line.first).days < 3 * 365:
        return
    values = known.frame[line.measure.name].astype(float)
    there = values.notna() & line.column.series.notna()
    values, when = values[there], line.column.series[there]
    months = values.groupby(when.dt.to_period("M"))
    months = months.sum() if line.how == "sum" else months.mean()
    if line.how == "sum":  # for each day: February is not low because it is short
        months = months / months.index.days_in_month
    if len(months) < 30 or months.index.month.nunique() < 12:
        return
    # the level of the twelve months around each, so that a trend is no season
    rest = (months - months.rolling(12, center=True, min_periods=8).mean()).dropna()
    spread = (rest ** 2).sum()
    means = rest.groupby(rest.index.month).mean()
    eta = float((means ** 2 * rest.groupby(rest.index.month).size()).sum() / spread) if spread else 0.0
    if eta - 11 / len(rest) > 0.35:
        import calendar
        high, low = means.idxmax(), means.idxmin()
        yield findings.Finding(
            0.7, f"{say.name(line.measure.name)} follows the year: it is highest in {calendar.month_name[high]} "
                 f"(+{say.number(means.max())}{' a day' if line.how == 'sum' else ''} against the twelve months around) and lowest in {calendar.month_name[low]} "
                 f"({say.number(means.min())}).")

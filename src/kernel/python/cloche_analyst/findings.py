"""What stands out in a table, as sentences with their numbers, the weightiest first.

Each function looks for one thing and yields Finding objects. Their weights only order them: 1.0 is what a
person would say first.
"""
import itertools

from cloche_analyst import say


class Finding:
    def __init__(self, weight, text, caution=False):
        self.weight, self.text, self.caution = weight, text, caution


def find(known):
    """All of them, of an understood table."""
    found = []
    for look in (dominating, shape_of_missing, duplicates, relations, separators, drivers, concentration, correlations, outliers, skews,
                 constants, sentinels, balance):
        found += look(known)
    return sorted(found, key=lambda one: -one.weight)


def main_measure(known):
    """The number that the table is about: an amount by its name, else the first that varies."""
    measures = [c for c in known.measures if c.filled > 0.3 * len(known.frame)]
    if not measures:
        return None
    ranks = ("revenue", "sales", "umsatz", "销售", "売上", "turnover", "income", "amount", "total", "profit", "net", "gross",
             "value", "price", "score", "cost", "count", "quantity")

    def rank(column):
        low = str(column.name).lower()
        named = next((i for i, word in enumerate(ranks) if word in low), len(ranks))
        return (named, not column.additive, column.distinct <= 12, known.columns.index(column))
    return min(measures, key=rank)


def named_class(known):
    """A column whose values are classes to be told apart: by its name, else the only category of few values."""
    from cloche_analyst import columns
    found = [c for c in known.of("category", "flag") if 2 <= c.distinct <= 10 and c.filled > 0.9 * len(known.frame)]
    named = [c for c in found if columns._CLASS.search(columns._spaced(c.name))]
    return named[-1] if named else found[0] if len(found) == 1 and len(known.measures) >= 3 else None


def explained(values, groups):
    """(the part of the differences in `values` that `groups` explains, less what chance would; the means)."""
    means = values.groupby(groups, observed=True).agg(["mean", "count"])
    means = means[means["count"] >= max(3, 0.01 * len(values))]
    spread = ((values - values.mean()) ** 2).sum()
    if len(means) < 2 or not spread:
        return 0.0, means["mean"]
    eta = float((means["count"] * (means["mean"] - values.mean()) ** 2).sum() / spread)
    return eta - (len(means) - 1) / max(1, len(values)), means["mean"].sort_values()


def grouping(known, measure=None):
    """Columns that rows may be grouped by, those with the fewest groups that are still telling first."""
    found = [c for c in known.columns if c.groups and c is not measure and 2 <= c.distinct <= 40 and not c.year]
    return sorted(found, key=lambda c: (c.kind == "number", c.distinct < 3, c.distinct > 12, known.columns.index(c)))


def extreme(known):
    """Rows so far from all others in the main measure that they alone would decide sums and trends: at most
    three, each at least ten times as far out as any outlier begins. Their index, often empty."""
    if known.extreme is None:
        known.extreme = []
        measure = main_measure(known)
        if measure is not None and measure.filled >= 50:
            values = measure.series.dropna().astype(float)
            low, high = fences(values)
            reach = high - low
            far = values[(values > high + 5 * reach) | (values < low - 5 * reach)] if reach > 0 else values.iloc[:0]
            if 0 < len(far) <= 3:
                known.extreme = list(far.index)
    return known.extreme


def usual(known):
    """The rows without those."""
    return known.frame.drop(index=extreme(known)) if extreme(known) else known.frame


def _without(known):
    n = len(extreme(known))
    return "" if not n else f" (leaving out {'the one extreme row' if n == 1 else f'the {n} extreme rows'})"


# ---- gaps and repetitions ------------------------------------------------------------------------

def shape_of_missing(known):
    frame = known.frame
    if not len(frame):
        return
    holes = [c for c in known.columns if c.missing and c.kind != "empty"]
    cells = frame.shape[0] * frame.shape[1]
    total = sum(c.missing for c in known.columns)
    empty = known.of("empty")
    if empty:
        yield Finding(0.55, f"{say.listed((say.name(c.name) for c in empty), 5)} "
                            f"{'has' if len(empty) == 1 else 'have'} no value at all.", True)
    if not holes:
        return
    holes.sort(key=lambda c: -c.missing)
    worst = holes[0]
    part = worst.missing / len(frame)
    whole = int(frame.notna().all(axis=1).sum())
    if len(holes) == 1:
        text = f"{say.name(worst.name)} is missing in {say.count(worst.missing, 'row')} ({say.percent(part)})"
    else:
        each = say.listed((f"{say.name(c.name)} ({say.percent(c.missing / len(frame))})" for c in holes), 4)
        text = f"{say.percent(total / cells)} of all cells are missing, most in {each}"
    if whole < len(frame) and not empty:
        text += f"; {whole:,} of {len(frame):,} rows are complete"
    yield Finding(0.4 + min(0.45, part), text + ".", True)


def duplicates(known):
    frame = known.frame
    if len(frame) < 2 or all(c.kind == "empty" for c in known.columns):
        return
    try:
        repeated = int(frame.duplicated().sum())
    except TypeError:
        return
    if repeated:
        # without anything that names a row, rows may be alike by coincidence
        named = any(c.kind in ("identifier", "text") or c.kind == "date" and c.distinct > 0.3 * len(frame) for c in known.columns)
        then = f"sums and counts include {'it' if repeated == 1 else 'them'} twice" if named \
            else "that may be coincidence, since no column names the rows, or the same thing entered twice"
        yield Finding(0.5 + min(0.4, 2 * repeated / len(frame)),
                      f"{say.count(repeated, 'row')} {'repeats' if repeated == 1 else 'repeat'} an earlier row exactly "
                      f"({say.percent(repeated / len(frame))}): {then}.", True)
    for column in known.columns:
        if column.kind == "identifier" and column.distinct < column.filled and column.distinct > 0.9 * column.filled:
            again = column.filled - column.distinct
            if again != repeated:
                yield Finding(0.5, f"{say.name(column.name)} looks like an identifier, yet {say.count(again, 'row')} "
                                   f"{'uses' if again == 1 else 'use'} one that occurred before.", True)


# ---- arithmetic between columns ------------------------------------------------------------------

def relations(known):
    """quantity × price = revenue, and where it does not hold."""
    import numpy
    columns = [c for c in known.measures if c.distinct > 2][:9]
    if len(columns) < 3:
        return
    frame = known.frame[[c.name for c in columns]].dropna().astype(float)
    if len(frame) < 10:
        return
    if len(frame) > 20_000:
        frame = frame.sample(20_000, random_state=7)
    used = set()
    for a, b in itertools.combinations(columns, 2):
        for sign, made in (("×", frame[a.name] * frame[b.name]), ("+", frame[a.name] + frame[b.name]),
                           (say.MINUS, frame[a.name] - frame[b.name]), ("back", frame[b.name] - frame[a.name])):
            for c in columns:
                if c is a or c is b or c.name in used:
                    continue
                aim = frame[c.name]
                holds = numpy.isclose(made, aim, rtol=0.002, atol=0.011)
                part = holds.mean()
                if part < 0.9:
                    continue
                used.update((a.name, b.name, c.name) if sign != "×" else (c.name,))
                first, second = (b, a) if sign == "back" else (a, b)
                rule = f"{say.name(c.name)} = {say.name(first.name)} {say.MINUS if sign == 'back' else sign} {say.name(second.name)}"
                if part == 1:
                    yield Finding(0.42, f"{rule} in every row.")
                else:
                    wrong = int((~holds).sum())
                    yield Finding(0.7, f"{rule} holds in {say.percent(part)} of the rows; in {wrong:,} it does not.", True)


def correlations(known):
    pairs = correlated(known)
    if not pairs:
        return
    strong = [p for p in pairs if abs(p[2]) >= 0.5]
    if not strong:
        a, b, r, _ = pairs[0]
        if len(known.measures) >= 3 and abs(r) < 0.3:
            yield Finding(0.3, f"No two numbers move together: the strongest correlation, {say.name(a)} with {say.name(b)}, "
                               f"is only {say.number(r, 2)}.")
        return
    bundles = _bundles(pairs)
    for names, low, high in bundles[:2]:
        yield Finding(0.66, f"{say.listed((say.name(n) for n in names), 7)} move as one (correlations of {say.number(low, 2)} "
                            f"{'and more' if high - low > 0.005 else 'throughout'}): each says nearly what the others say.")
    bundled = [set(names) for names, _, _ in bundles]
    rest = [p for p in strong if not any(p[0] in b and p[1] in b for b in bundled)]
    told = set()
    for i, (a, b, r, n) in enumerate(rest):
        key = frozenset(next((min(x) for x in bundled if c in x), c) for c in (a, b))
        if key in told or len(told) == 3:  # one pair speaks for a whole bundle
            continue
        told.add(key)
        if abs(r) > 0.995:
            yield Finding(0.45, f"{say.name(a)} and {say.name(b)} carry the same information (correlation {say.number(r, 3)}).", True)
            continue
        how = "strongly" if abs(r) >= 0.8 else "clearly" if abs(r) >= 0.65 else "somewhat"
        yield Finding(0.6 + 0.2 * (abs(r) - 0.5) - 0.03 * len(told),
                      f"{say.name(b)} {'rises' if r > 0 else 'falls'} {how} with {say.name(a)} (correlation {say.number(r, 2)} over {n:,} rows).")


def _bundles(pairs):
    """[(names, weakest, strongest)] of three numbers or more that all correlate beyond 0.9 with each other."""
    tight = {frozenset(p[:2]): p[2] for p in pairs if p[2] > 0.9}
    names, found = list(dict.fromkeys(n for p in pairs for n in p[:2])), []
    for name in names:
        for bundle in found:
            if all(frozenset((name, other)) in tight for other in bundle):
                bundle.append(name)
                break
        else:
            found.append([name])
    made = []
    for bundle in found:
        if len(bundle) >= 3:
            inside = [tight[frozenset(p)] for p in itertools.combinations(bundle, 2)]
            made.append((bundle, min(inside), max(inside)))
    return sorted(made, key=lambda one: -len(one[0]))


def correlated(known, limit=40):
    """[(a, b, Pearson's r, rows)] of the measures, strongest first."""
    names = [c.name for c in known.measures if c.distinct > 2][:limit]
    if len(names) < 2 or len(known.frame) < 5:
        return []
    frame = usual(known)[names].astype(float)
    if len(frame) > 200_000:
        frame = frame.sample(200_000, random_state=7)
    matrix = frame.corr(min_periods=5)
    pairs = []
    for a, b in itertools.combinations(names, 2):
        r = matrix.loc[a, b]
        if r == r:
            pairs.append((a, b, float(r), int((frame[a].notna() & frame[b].notna()).sum())))
    return sorted(pairs, key=lambda p: -abs(p[2]))


# ---- groups --------------------------------------------------------------------------------------

def driver(known):
    """(part explained, column, means) of the grouping that tells most about the main measure, or None."""
    measure = main_measure(known)
    if measure is None or measure.distinct < 5:
        return None
    frame, best = usual(known), None
    for column in grouping(known, measure):
        eta, means = explained(frame[measure.name].astype(float), frame[column.name])
        if len(means) >= 2 and (best is None or eta > best[0]):
            best = (eta, column, means)
    return best


def separation(known):
    """[(part explained, measure, means)] of the measures that tell a class column's values apart, best first."""
    column = named_class(known)
    if column is None:
        return None, []
    found = [(*explained(known.frame[m.name].astype(float), known.frame[column.name]), m) for m in known.measures[:60] if m.distinct > 4]
    return column, sorted(((eta, m, means) for eta, means, m in found if len(means) >= 2), key=lambda one: -one[0])


def separators(known):
    """What tells the classes apart."""
    column, found = separation(known)
    if column is None or len(found) < 2 or found[0][0] < 0.2:
        return
    eta, measure, means = found[0]
    ends = say.listed((f"{say.number(v)} for {say.value(g, 24)}" for g, v in means.items()), 4)
    also = [m for e, m, _ in found[1:4] if e > 0.6 * eta]
    yield Finding(0.72 + 0.2 * eta,
                  f"{say.name(measure.name)} tells the values of {say.name(column.name)} apart best: on average {ends}; {say.name(column.name)} explains "
                  f"{say.percent(eta)} of its differences" + (f", and much of those in {say.listed((say.name(m.name) for m in also), 3)}" if also else "") + ".")


def drivers(known):
    """Which grouping tells most about the main measure, and what its ends are."""
    measure = main_measure(known)
    best = driver(known)
    if best and best[1] is named_class(known) and best[0] > 0.2:
        return  # separators says it better
    if best and best[0] > 0.05:
        eta, column, means = best
        yield Finding(0.62 + 0.35 * min(0.8, eta),
                      f"{say.name(column.name)} explains {say.percent(eta)} of the differences in {say.name(measure.name)}: "
                      f"on average {say.number(means.iloc[-1])} for {say.value(means.index[-1], 30)}, "
                      f"{say.number(means.iloc[0])} for {say.value(means.index[0], 30)}{_without(known)}.")
    elif best:
        yield Finding(0.32, f"{say.name(measure.name)} hardly differs between the values of any category; {say.name(best[1].name)} "
                            f"comes closest and explains "
                            f"{say.percent(best[0]) if best[0] > 0.005 else 'almost none'} of its differences.")


def concentration(known):
    """Who brings most of what may be added up."""
    measure = next((c for c in [main_measure(known), *known.measures] if c is not None and c.additive), None)
    for column in known.of("category"):
        if not 3 <= column.distinct <= 2000 or column.filled < 0.5 * len(known.frame):
            continue
        if measure is not None and (known.frame[measure.name].dropna() >= 0).mean() > 0.99:
            frame = usual(known)
            sums = frame[measure.name].astype(float).groupby(frame[column.name], observed=True).sum()
            of, what = say.name(measure.name), "of all"
        else:
            sums = known.frame[column.name].value_counts()
            of, what = "rows", "of the"
        sums = sums.sort_values(ascending=False)
        if sums.sum() <= 0:
            continue
        share = float(sums.iloc[0] / sums.sum())
        fair = 1 / len(sums)
        top = max(1, round(0.2 * len(sums)))
        held = float(sums.iloc[:top].sum() / sums.sum())
        if measure is not None and of != "rows" and (share > 1.25 * fair and share > 0.15):
            yield Finding(0.58 + min(0.25, share - fair),
                          f"{say.value(sums.index[0], 30)} brings {say.percent(share)} {what} {of}, the most of the "
                          f"{len(sums):,} values of {say.name(column.name)}; {say.value(sums.index[-1], 30)} brings the least, "
                          f"{say.percent(float(sums.iloc[-1] / sums.sum()))}{_without(known)}.")
        elif len(sums) >= 10 and held > 0.5 and top < len(sums):
            yield Finding(0.55, f"{say.count(top, 'value')} of {say.name(column.name)} ({say.percent(top / len(sums))} of them) "
                                f"{'makes' if top == 1 else 'make'} up {say.percent(held)} {what} {of}.")
        elif of == "rows" and share > 0.6 and share > 1.5 * fair:
            yield Finding(0.45, f"{say.percent(share)} of the rows have the same {say.name(column.name)}, "
                                f"{say.value(sums.index[0], 30)}.")


def balance(known):
    """A yes/no column that is nearly always one of the two."""
    for column in known.of("flag"):
        counts = column.series.value_counts(normalize=True)
        if len(counts) == 2 and counts.iloc[0] > 0.9:
            yield Finding(0.4, f"{say.name(column.name)} is {say.value(counts.index[0])} in {say.percent(float(counts.iloc[0]))} of the rows; "
                               f"there are few of the other kind to learn from.", True)


# ---- single columns ------------------------------------------------------------------------------

def fences(values):
    """Tukey's: a quartile ± 1.5 interquartile ranges."""
    low, high = values.quantile(0.25), values.quantile(0.75)
    reach = 1.5 * (high - low)
    return low - reach, high + reach


def outside(column):
    """The values beyond the fences, or an empty Series when the middle half is one value."""
    values = column.series.dropna().astype(float)
    low, high = fences(values)
    return values[(values < low) | (values > high)] if high > low else values.iloc[:0]


def dominating(known):
    """The extreme rows themselves, and what they do to the total."""
    rows = extreme(known)
    if not rows:
        return
    measure = main_measure(known)
    values = measure.series.loc[rows].astype(float)
    total = float(measure.series.sum())
    named = next((c for c in known.of("identifier", "date") if c.filled == len(known.frame)), None)
    where = f" (row {rows[0] + 2:,} of the file)" if named is None else \
        f" ({say.name(named.name)} {say.value(_shown(named, rows[0]), 30)})"
    part = f"; {'it is' if len(rows) == 1 else 'they are'} {say.percent(float(values.sum()) / total)} of the total" \
        if measure.additive and total > 0 else ""
    if len(rows) == 1:
        text = f"One row has a {say.name(measure.name)} of {say.number(values.iloc[0])}{where}, far beyond every other{part}."
    else:
        text = f"{len(rows)} rows have a {say.name(measure.name)} far beyond every other, up to {say.number(values.abs().max())}{part}."
    yield Finding(0.97, text + f" Check {'it' if len(rows) == 1 else 'them'} first: sums and means hang on "
                               f"{'it' if len(rows) == 1 else 'them'}.", True)


def _shown(column, row):
    value = column.series.loc[row]
    return say.date(value) if column.kind == "date" else value


def outliers(known):
    rows = []
    for column in known.measures:
        if column.filled < 12 or column.distinct < 8:
            continue
        beyond = outside(column)
        if len(beyond):
            rows.append((len(beyond) / column.filled, column, beyond))
    rows.sort(key=lambda row: -row[0])
    for part, column, beyond in rows[:2]:
        values = column.series.dropna().astype(float)
        low, high = fences(values)
        far = beyond.loc[(beyond - values.median()).abs().idxmax()]
        if len(beyond) == 1:
            yield Finding(0.5, f"{say.name(column.name)} has one value far from the rest: {say.number(far)}, where "
                               f"{say.number(max(low, values.min()))} to {say.number(min(high, values.max()))} would be usual.", True)
        else:
            usually = f"above {say.number(high)}" if beyond.min() > high else f"below {say.number(low)}" if beyond.max() < low \
                else f"outside {say.number(low)} to {say.number(high)}"
            yield Finding(0.42 + min(0.15, part),
                          f"{say.name(column.name)} has {say.count(len(beyond), 'outlier')} ({say.percent(part)}) {usually}; "
                          f"the farthest is {say.number(far)}.", True)
    if len(rows) > 2:
        yield Finding(0.3, f"{say.listed((say.name(row[1].name) for row in rows[2:]), 5)} "
                           f"{'has' if len(rows) == 3 else 'have'} outliers too.", True)


def skews(known):
    lopsided = []
    for column in known.measures:
        if column.filled < 30 or column.distinct < 10:
            continue
        values = column.series.dropna().astype(float)
        skew = values.skew()
        median, mean = values.median(), values.mean()
        if skew > 2 and median > 0 and mean > 1.25 * median:
            lopsided.append((skew, column, mean, median))
    if lopsided:
        _, column, mean, median = max(lopsided, key=lambda row: row[0])
        yield Finding(0.38, f"{say.name(column.name)} is lopsided: its mean, {say.number(mean)}, lies far above its median, "
                            f"{say.number(median)}, because a few values are very large. The median describes it better.", True)


def constants(known):
    same = known.of("constant")
    if same:
        if len(same) == 1:
            only = same[0].series.dropna().iloc[0]
            yield Finding(0.25, f"{say.name(same[0].name)} is always {say.value(only, 30)} and tells nothing apart.", True)
        else:
            yield Finding(0.28, f"{say.listed((say.name(c.name) for c in same), 5)} have one value each and tell nothing apart.", True)


def sentinels(known):
    """-999 and 9999 where other values are nowhere near: a missing value written as a number."""
    for column in known.measures:
        values = column.series.dropna().astype(float)
        if len(values) < 20:
            continue
        for mark in (-1.0, -9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0, 99999.0, 0.0):
            times = int((values == mark).sum())
            rest = values[values != mark]
            if times < 2 or times > 0.6 * len(values) or not len(rest):
                continue
            if mark < 0 and rest.min() >= 0 or mark > 0 and mark == values.max() and rest.max() < mark / 5:
                yield Finding(0.6, f"{say.name(column.name)} is {say.number(mark)} in {say.count(times, 'row')}, far from every "
                                   f"other value: it probably means “missing”, and it distorts the mean.", True)
                break
            if mark == 0 and 0.01 < times / len(values) < 0.15 and rest.nunique() >= 10 and rest.min() > 0.25 * rest.median():
                yield Finding(0.45, f"{say.name(column.name)} is 0 in {say.count(times, 'row')} and otherwise never below "
                                    f"{say.number(rest.min())}: some of those zeros may mean “missing”.", True)
                break

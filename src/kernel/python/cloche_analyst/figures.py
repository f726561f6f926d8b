"""The figures of a profile: few, titled, legible in print, in one quiet style.

Ink on paper with one blue; what is secondary is grey. A bold title on the left says what is shown, a grey
line below it how. Each function draws one figure and returns it, or None when there is nothing to show.
"""
import math

from cloche_analyst import findings, say

INK, SOFT, LINE = "#1f2328", "#6b7177", "#e4e6e8"
BLUE, LIGHT, GREY = "#234f7d", "#8fb0cf", "#a9aeb3"
AMBER = "#c98a2b"
CYCLE = [BLUE, "#c8793f", "#5b8f6a", "#8a6aa8", "#b5545c", "#4e9aa6", "#a39a3d", "#6d7780"]

STYLE = {
    "figure.facecolor": "white", "figure.dpi": 110, "savefig.dpi": 160,
    "axes.facecolor": "white", "axes.edgecolor": GREY, "axes.linewidth": 0.8, "axes.labelcolor": SOFT,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.titlecolor": INK, "axes.labelsize": 9, "axes.grid": True,
    "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": LINE, "grid.linewidth": 0.8,
    "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
    "xtick.major.size": 3, "ytick.major.size": 0, "text.color": INK, "legend.frameon": False, "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True, "lines.linewidth": 1.9, "lines.solid_capstyle": "round", "patch.edgecolor": "none", "font.size": 9,
}


def style():
    """A context in which figures look so, whatever the session's own settings are."""
    import cycler
    import matplotlib
    return matplotlib.rc_context({**STYLE, "axes.prop_cycle": cycler.cycler(color=CYCLE)})


def titled(figure, title, below=""):
    """A title and a grey line under it, flush left above everything; the axes go below them."""
    title, below = _plain(title), _plain(below)
    width, height = figure.get_size_inches()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - (0.56 if below else 0.36) / height), h_pad=0.07, w_pad=0.07)
    figure.text(0.1 / width, 1 - 0.06 / height, title, fontsize=12.5, fontweight="bold", va="top", ha="left")
    if below:
        figure.text(0.1 / width, 1 - 0.31 / height, below, fontsize=9, color=SOFT, va="top", ha="left")
    return figure


def _plain(text):
    """A dollar sign is a dollar sign, not the start of a formula."""
    return say.short(text, 110).replace("$", r"\$")


def label(text, width=28):
    return say.short(text, width).replace("$", r"\$")


def ticks(axis, values=None):
    """Numbers with thousands marks, shortened where they are large."""
    from matplotlib.ticker import FuncFormatter
    axis.set_major_formatter(FuncFormatter(lambda v, _: compact(v)))


def compact(value):
    size = abs(value)
    for divisor, unit in ((1e12, " T"), (1e9, " bn"), (1e6, " M"), (1e4, " k")):
        if size >= divisor:
            scaled = value / (1e3 if unit == " k" else divisor)
            return (f"{scaled:,.1f}".rstrip("0").rstrip(".") + unit).replace("-", say.MINUS)
    return f"{value:,.6g}".replace("-", say.MINUS)


# ---- one table -----------------------------------------------------------------------------------

def distributions(known, name):
    """A histogram of each measure, with its median; what lies far out is left to the outer bins."""
    import matplotlib.pyplot as plt
    import numpy
    chosen = [c for c in known.measures if c.distinct > 2][:9]
    if not chosen:
        return None
    across = min(3, len(chosen)) if len(chosen) != 4 else 2
    down = math.ceil(len(chosen) / across)
    figure, axes = plt.subplots(down, across, figsize=(3.1 * across + 0.2 if across > 1 else 6.4, 2.15 * down + 0.75), squeeze=False)
    for axis in axes.flat[len(chosen):]:
        axis.set_visible(False)
    cut = False
    for axis, column in zip(axes.flat, chosen):
        values = column.series.dropna().astype(float)
        low, high = values.min(), values.max()
        inner_low, inner_high = values.quantile(0.005), values.quantile(0.995)
        if inner_high > inner_low and (high - low) > 4 * (inner_high - inner_low):
            low, high, cut = inner_low, inner_high, True
        if column.integral and high - low <= 300:  # bins of whole width, or some would hold more integers than others
            width = max(1, math.ceil((high - low + 1) / 30))
            bins = numpy.arange(low - 0.5, high + width + 0.5, width)
        else:
            bins = numpy.linspace(low, high, min(31, max(9, int(math.sqrt(len(values)) * 1.2)))) if high > low else 5
        axis.hist(values.clip(low, high), bins=bins, color=LIGHT, edgecolor="white", linewidth=0.5)
        median = values.median()
        axis.axvline(median, color=BLUE, linewidth=1.4)
        axis.set_title(label(column.name, 30), pad=6)
        axis.text(0.99, 1.02, f"median {say.number(median)}", transform=axis.transAxes, ha="right", va="bottom",
                  fontsize=8, color=BLUE if len(str(column.name)) < 22 else "none")
        ticks(axis.xaxis)
        ticks(axis.yaxis)
        axis.locator_params(axis="x", nbins=5)
        axis.locator_params(axis="y", nbins=4)
    left = len([c for c in known.measures if c.distinct > 2]) - len(chosen)
    below = "Rows by value; the line is the median." + (" The outermost half percent is gathered at the edges." if cut else "")
    if left > 0:
        below += f" {left} more not shown."
    return titled(figure, f"How the numbers in {name} are spread", below)


def categories(known, name):
    """The commonest values of each category, or what each brings of the main measure."""
    import matplotlib.pyplot as plt
    chosen = [c for c in known.columns if c.kind in ("category", "flag") and 2 <= c.distinct][:4]
    if not chosen:
        return None
    measure = findings.main_measure(known)
    if measure is not None and not measure.additive:
        measure = None
    panels = []
    for column in chosen:
        if measure is not None:
            values = known.frame[measure.name].astype(float).groupby(known.frame[column.name], observed=True).sum()
        else:
            values = known.frame[column.name].value_counts()
        if values.nunique() > 1:  # bars of one length say nothing
            panels.append((column, values.sort_values(ascending=False)))
    if not panels:
        return None
    bars = [min(10, len(values)) + (len(values) > 10) for _, values in panels]
    across = 1 if len(panels) == 1 else 2
    down = math.ceil(len(panels) / across)
    heights = [max(bars[i * across:(i + 1) * across]) * 0.24 + 0.5 for i in range(down)]
    figure, axes = plt.subplots(down, across, figsize=(4.75 * across if across > 1 else 6.6, sum(heights) + 0.75), squeeze=False,
                                gridspec_kw={"height_ratios": heights})
    for axis in axes.flat[len(panels):]:
        axis.set_visible(False)
    for axis, (column, values) in zip(axes.flat, panels):
        top = values.iloc[:10]
        names = [label(v, 24) for v in top.index]
        numbers, colors = list(top.values), [BLUE] + [LIGHT] * (len(top) - 1)
        if len(values) > 10:
            names.append(f"{len(values) - 10:,} others")
            numbers.append(values.iloc[10:].sum())
            colors.append(LINE)
        if len(set(numbers[: len(top)])) == 1:
            colors[0] = LIGHT
        at = list(range(len(names)))
        axis.barh(at, numbers, color=colors, height=0.7)
        axis.set_yticks(at, names)
        axis.invert_yaxis()
        axis.grid(False)
        axis.spines["bottom"].set_visible(False)
        axis.tick_params(axis="x", length=0, labelbottom=False)
        for y, n in zip(at, numbers):
            axis.annotate(compact(round(n, 2) if abs(n) < 100 else round(n)), (max(n, 0), y), xytext=(4, 0), textcoords="offset points",
                          va="center", fontsize=8.5, color=SOFT)
        axis.margins(x=0.16)
        axis.set_title(label(column.name, 34), pad=6)
    what = f"Total {measure.name} by value" if measure is not None else "Number of rows by value"
    title = f"What {measure.name} is made of" if measure is not None else f"The categories of {name}"
    return titled(figure, title, f"{what} ({name}), the ten largest of each." if max(map(len, (v for _, v in panels))) > 10 else f"{what} ({name}).")


def correlation(known, name):
    """A heat map; a scatter plot when there are but two measures."""
    import matplotlib.pyplot as plt
    import numpy
    chosen = [c.name for c in known.measures if c.distinct > 2]
    if len(chosen) < 2 or len(known.frame) < 5:
        return None
    if len(chosen) == 2:
        return scatter(known, chosen[0], chosen[1], name)
    if len(chosen) > 14:
        strongest = []
        for a, b, _, _ in findings.correlated(known):
            strongest += [c for c in (a, b) if c not in strongest]
        chosen = [c for c in chosen if c in strongest[:14]]
        if len(chosen) < 3:
            return None
    matrix = known.frame[chosen].astype(float).corr(min_periods=5)
    n = len(chosen)
    figure, axis = plt.subplots(figsize=(max(5.2, 0.62 * n + 2.4), max(3.9, 0.5 * n + 1.9)))
    shown = matrix.to_numpy(dtype=float, copy=True)
    shown[numpy.triu_indices(n)] = numpy.nan
    shown = shown[1:, :-1]
    image = axis.imshow(shown, cmap=_diverging(), vmin=-1, vmax=1, aspect="auto")
    for i in range(n - 1):
        for j in range(i + 1):
            r = shown[i, j]
            if r == r:
                text = f"{round(r, 2) + 0:.2f}".replace("-", say.MINUS)
                axis.text(j, i, text, ha="center", va="center", fontsize=8.5 if n < 11 else 7.5,
                          color="white" if abs(r) > 0.6 else INK)
    axis.set_xticks(range(n - 1), [label(c, 18) for c in chosen[:-1]], rotation=35, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(n - 1), [label(c, 18) for c in chosen[1:]])
    axis.grid(False)
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    bar = figure.colorbar(image, ax=axis, fraction=0.035, pad=0.02, ticks=[-1, -0.5, 0, 0.5, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.ax.set_yticklabels([f"{say.MINUS}1", f"{say.MINUS}0.5", "0", "0.5", "1"])
    return titled(figure, f"What moves together in {name}", "Pearson's correlation of each pair: 1 together, 0 unrelated, −1 opposite.")


def _diverging():
    from matplotlib.colors import LinearSegmentedColormap
    return LinearSegmentedColormap.from_list("cloche", ["#9c4a3c", "#d9a892", "#f6f5f3", "#9dbad4", BLUE])


def scatter(known, x, y, name):
    import matplotlib.pyplot as plt
    import numpy
    pair = known.frame[[x, y]].astype(float).dropna()
    if len(pair) < 5:
        return None
    r = pair[x].corr(pair[y])
    shown = pair if len(pair) <= 5000 else pair.sample(5000, random_state=7)
    figure, axis = plt.subplots(figsize=(6.2, 4.3))
    axis.scatter(shown[x], shown[y], s=18 if len(shown) < 500 else 8, color=BLUE, alpha=0.55 if len(shown) < 500 else 0.25, linewidths=0)
    if abs(r) > 0.2 and pair[x].nunique() > 2:
        slope, start = numpy.polyfit(pair[x], pair[y], 1)
        ends = numpy.array([pair[x].min(), pair[x].max()])
        axis.plot(ends, start + slope * ends, color=AMBER, linewidth=1.6)
    axis.grid(True, axis="both")
    axis.set_xlabel(label(x, 40))
    axis.set_ylabel(label(y, 40))
    ticks(axis.xaxis)
    ticks(axis.yaxis)
    return titled(figure, f"{label(y, 36)} by {label(x, 36)}",
                  f"{name}: {len(pair):,} rows, correlation {say.number(float(r), 2)}"
                  + (", 5,000 drawn" if len(shown) < len(pair) else ""))


def groups(known, name):
    """What tells the classes apart, drawn: two measures, a colour for each class. Without classes, the main
    measure within the groups that explain it best."""
    column, found = findings.separation(known)
    if column is not None and len(found) >= 2 and found[0][0] > 0.2 and column.distinct <= 6:
        return _classes(known, column, found, name)
    best = findings.driver(known)
    if best and best[0] > 0.08 and best[1].distinct <= 16:
        return _boxes(known, findings.main_measure(known), best[1], name, best[0])
    return None


def _classes(known, column, found, name):
    import matplotlib.pyplot as plt
    first = found[0][1]
    # the second should say something that the first does not
    telling = [m for eta, m, _ in found[1:6] if eta > 0.4 * found[0][0]] or [found[1][1]]
    second = min(telling, key=lambda m: abs(known.frame[m.name].astype(float).corr(known.frame[first.name].astype(float))))
    frame = known.frame[[first.name, second.name, column.name]].dropna()
    shown = frame if len(frame) <= 4000 else frame.sample(4000, random_state=7)
    figure, axis = plt.subplots(figsize=(6.8, 4.5))
    for value, part in shown.groupby(column.name, observed=True):
        axis.scatter(part[first.name].astype(float), part[second.name].astype(float), s=20 if len(shown) < 600 else 9,
                     alpha=0.75 if len(shown) < 600 else 0.4, linewidths=0, label=label(value, 22))
    axis.grid(True, axis="both")
    axis.set_xlabel(label(first.name, 40))
    axis.set_ylabel(label(second.name, 40))
    ticks(axis.xaxis)
    ticks(axis.yaxis)
    axis.legend(title=label(column.name, 22), loc="center left", bbox_to_anchor=(1.01, 0.5), alignment="left", markerscale=1.4)
    return titled(figure, f"What tells {label(column.name, 30)} apart", f"{name}: {len(frame):,} rows by the two numbers that separate them best.")


def _boxes(known, measure, column, name, eta):
    import matplotlib.pyplot as plt
    frame = findings.usual(known)[[measure.name, column.name]].dropna()
    parts = {value: part[measure.name].astype(float).to_numpy() for value, part in frame.groupby(column.name, observed=True)}
    if column.kind == "category":
        import statistics
        parts = dict(sorted(parts.items(), key=lambda one: -statistics.median(one[1])))
    figure, axis = plt.subplots(figsize=(6.8, 0.34 * len(parts) + 1.6))
    axis.boxplot(list(parts.values()), orientation="horizontal", widths=0.6, patch_artist=True, showfliers=True,
                 boxprops={"facecolor": LIGHT, "edgecolor": "none"}, medianprops={"color": BLUE, "linewidth": 1.8},
                 whiskerprops={"color": GREY}, capprops={"color": GREY},
                 flierprops={"marker": ".", "markersize": 3, "markerfacecolor": GREY, "markeredgecolor": "none", "alpha": 0.6})
    axis.set_yticks(range(1, len(parts) + 1), [label(v, 24) for v in parts])
    axis.invert_yaxis()
    axis.grid(True, axis="x")
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    ticks(axis.xaxis)
    axis.set_xlabel(label(measure.name, 40))
    return titled(figure, f"{label(measure.name, 36)} by {label(column.name, 30)}",
                  f"{name}: the box is the middle half, the line the median. It explains {say.percent(eta)} of the differences.")


def series(known, line, name):
    """The timeline as a line, with a moving average where it is long."""
    import matplotlib.dates
    import matplotlib.pyplot as plt
    if line is None:
        return None
    values = line.series
    figure, axis = plt.subplots(figsize=(7.6, 3.5))
    long = values.notna().sum() >= 20
    axis.plot(values.index, values.values, color=LIGHT if long else BLUE, linewidth=1.3 if long else 1.9,
              marker="o" if values.notna().sum() <= 26 and not long else None, markersize=3.5)
    below = line.said[0].upper() + line.said[1:]
    if long:
        window = {"day": 7, "week": 4, "month": 3}.get(line.step, 3)
        axis.plot(values.index, values.rolling(window, min_periods=max(1, window // 2), center=True).mean(), color=BLUE)
        below += f", and its moving average over {window} {line.step}s"
    if values.min() >= 0 and values.min() < 0.6 * values.max():
        axis.set_ylim(bottom=0)
    ticks(axis.yaxis)
    locator = matplotlib.dates.AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))
    axis.margins(x=0.02)
    title = f"{label(line.label, 40)} over time" if line.measure is not None else f"{name} over time"
    return titled(figure, title, f"{below} ({name})." if line.measure is not None else below + ".")


def words(counts, name):
    """The commonest words of a text."""
    import matplotlib.pyplot as plt
    if len(counts) < 3:
        return None
    counts = counts[:15]
    figure, axis = plt.subplots(figsize=(6.4, 0.25 * len(counts) + 1.0))
    at = range(len(counts))
    axis.barh(at, [n for _, n in counts], color=LIGHT, height=0.7)
    axis.set_yticks(at, [label(w, 24) for w, _ in counts])
    axis.invert_yaxis()
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    axis.tick_params(axis="x", length=0, labelbottom=False)
    for y, (_, n) in enumerate(counts):
        axis.annotate(f"{n:,}", (n, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5, color=SOFT)
    axis.margins(x=0.1)
    return titled(figure, f"The words of {name}", "The commonest, without the little ones.")


def events(counts, name, step):
    """How many lines of a log fall into each step of time."""
    import matplotlib.dates
    import matplotlib.pyplot as plt
    if len(counts) < 3:
        return None
    figure, axis = plt.subplots(figsize=(7.6, 3.0))
    width = (counts.index[1] - counts.index[0]) / _day() * 0.9
    axis.bar(counts.index, counts.values, width=width, align="edge", color=LIGHT)
    ticks(axis.yaxis)
    locator = matplotlib.dates.AutoDateLocator(minticks=4, maxticks=9)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))
    return titled(figure, f"{name} over time", f"Lines a {step}.")


def _day():
    import pandas
    return pandas.Timedelta(days=1)

"""Warm-up of the environment `data-science`, run once by each of its zygotes at their start.

A zygote is the warmed interpreter that kernels are forked from: what is imported here is shared by
every session and paid for once. The rule for the list: what nearly every analysis touches. More
would make each fork dearer (page tables are copied), so scipy, statsmodels and scikit-learn are
imported by those who use them.

`rehearse()` runs small pandas and matplotlib snippets, so that caches are filled and lazy imports
done. CELLS are a session's likely first statements: kernels that wait in a pool run them once more, to
fault in their own copies of the pages that those touch.

It must leave no thread, child, socket or epoll behind: a fork would copy the descriptor and lose
the thread. `cloche env build` checks that. And no top-level await: a zygote has no event loop.
"""

import io

import matplotlib

matplotlib.use("agg", force=True)

import matplotlib.font_manager
import matplotlib.pyplot
import numpy
import pandas

# Families that matplotlib falls back to, glyph by glyph, when the chosen font has none: Chinese,
# Japanese and Korean text, then symbols and emoji. Only those installed on this host are used.
FALLBACK_FAMILIES = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Symbola", "Noto Sans Symbols2")

# Names that scripts ask for by habit, of fonts that only other systems have. Here they mean the
# first fallback family, so that such a script draws text and not boxes.
HABITUAL_FAMILIES = (
    "SimHei", "SimSun", "Microsoft YaHei", "PingFang SC", "Heiti SC", "STHeiti",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Source Han Sans SC",
    "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR",
    "MS Gothic", "Yu Gothic", "Hiragino Sans", "IPAexGothic", "Malgun Gothic", "NanumGothic",
    "AppleGothic", "Arial Unicode MS",
)


def _set_fonts():
    """Puts the fallback families behind whatever font a figure asks for."""
    manager = matplotlib.font_manager.fontManager
    installed = {}
    for entry in manager.ttflist:
        installed.setdefault(entry.name, []).append(entry)
    fallback = [name for name in FALLBACK_FAMILIES if name in installed]
    if not fallback:
        return
    family = [f for f in matplotlib.rcParams["font.family"] if f not in fallback] + fallback
    matplotlib.rcParams["font.family"] = family
    matplotlib.rcParamsDefault["font.family"] = list(family)  # what style.use("default") restores
    if fallback[0].startswith("Noto Sans CJK"):
        _add_aliases(manager, installed, fallback[0])
    _keep_fallback(type(manager), fallback)


def _add_aliases(manager, installed, family):
    """Lets the habitual names that are not installed stand for `family`."""
    import dataclasses

    for name in HABITUAL_FAMILIES:
        if name not in installed:
            manager.ttflist += [dataclasses.replace(e, name=name) for e in installed[family]]


def _keep_fallback(manager_class, fallback):
    """Keeps the fallback where a style sheet or seaborn's theme sets `font.family` itself."""
    find = getattr(manager_class, "_find_fonts_by_props", None)
    if find is None:  # a private name of matplotlib: without it rcParams alone decide
        return

    def find_with_fallback(self, prop, *args, **kwargs):
        missing = [name for name in fallback if name not in prop.get_family()]
        if missing:
            prop = prop.copy()
            prop.set_family(list(prop.get_family()) + missing)
        return find(self, prop, *args, **kwargs)

    manager_class._find_fonts_by_props = find_with_fallback


def _rehearse_tables():
    frame = pandas.DataFrame({
        "a": [1, 2, 3, 4],
        "b": [1.0, 2.5, numpy.nan, 4.0],
        "c": list("xyxy"),
        "d": pandas.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
    })
    frame = pandas.read_csv(io.StringIO(frame.to_csv(index=False)), parse_dates=["d"])
    frame.describe(), frame.info(buf=io.StringIO()), frame.isna().sum()
    repr(frame), frame._repr_html_(), frame.head(2).to_string()
    frame.groupby("c")[["a", "b"]].agg(["mean", "sum"])
    frame.merge(frame[["a", "c"]], on="a").sort_values("b").pivot_table(index="a", values="b")
    frame["b"].fillna(0).rolling(2).mean().corr(frame["a"])
    frame.set_index("d")["a"].resample("2D").sum()
    numpy.linalg.lstsq(numpy.eye(3), numpy.ones(3), rcond=None)


def _rehearse_figures():
    pyplot = matplotlib.pyplot
    figure, (left, right) = pyplot.subplots(1, 2)
    left.plot([1, 2, 3], label="line")
    left.set_title("a title")
    left.legend()
    right.hist([1, 2, 2, 3], bins=3)
    right.bar([1, 2], [3, 4])
    right.scatter([1, 2], [3, 4])
    figure.tight_layout()
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
    pyplot.close("all")


# Run as a session's cells are, through compiling, displaying and all: the first statements of most.
CELLS = (
    "import pandas as pd\npd.DataFrame({'a': [1, 2, 3]}).a.sum()",
    "import numpy as np\ndf = pd.DataFrame({'a': [1.0, 2.5], 'b': ['x', 'y']})\ndf",
    "df.describe()\nprint(df.a.mean())",
)


def rehearse():
    """Runs what a first cell is likely to run. Leaves no figure and no random state behind."""
    state = numpy.random.get_state()
    try:
        _rehearse_tables()
        _rehearse_figures()
    finally:
        numpy.random.set_state(state)
        # matplotlib frees these fonts in every forked child: better that there are none to free.
        cached = getattr(matplotlib.font_manager, "_get_font", None)
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


_set_fonts()
rehearse()

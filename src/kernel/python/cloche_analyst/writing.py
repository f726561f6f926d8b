"""Pandas code for what was asked, as a person would write it: short, named after the columns, free of tricks."""
import os
import re

from cloche_analyst import say

BLUE, LIGHT = "#234f7d", "#8fb0cf"


def code(asked, known, path):
    """The text of one cell. It prints a sentence, then the table, and draws where a chart helps."""
    head = _reading(known, path, asked)
    asked.path = path
    body = _TASKS[asked.task](asked, known)
    if not asked.saved:  # the session shows figures; a file besides is for those who ask
        body = [line for line in body if not line.startswith("figure.savefig(")]
    imports = ["import pandas as pd"]
    text = "\n".join(head + body)
    if "plt." in text:
        imports.insert(0, "import matplotlib.pyplot as plt")
    if "load(" in text and "pd.read" not in text:
        imports[-1] = "from cloche_analyst import load" if "pd." not in text else imports[-1] + "\n\nfrom cloche_analyst import load"
    return "\n".join(imports + [""] + head + body) + "\n"


def _q(text):
    return repr(str(text))


def _plain(known):
    """Do pandas' own reader and these rules see the same table?"""
    if known.table.call is None or any(c.cleaned and c.kind != "date" for c in known.columns):
        return False
    dates = [c for c in known.columns if c.cleaned]
    if any(c.format in (None, "mixed", "ISO8601") for c in dates):
        return False
    import pandas as pd
    try:
        seen = eval(known.table.call, {"pd": pd})  # the call that this package wrote itself
    except Exception:
        return False
    others = [c.name for c in known.columns if c not in dates]
    try:
        return list(seen.columns) == list(known.table.frame.columns) and len(seen) == len(known.frame) and \
            seen[others].isna().equals(known.frame[others].isna()) and list(seen[others].dtypes) == list(known.frame[others].dtypes)
    except KeyError:
        return False


def _reading(known, path, asked):
    if _plain(known):
        lines = [f"table = {known.table.call}"]
        for column in known.columns:
            if column.cleaned and column.kind == "date" and (column in asked.measures + asked.groups or column is asked.when or any(f[0] is column for f in asked.filters)):
                lines.append(f"table[{_q(column.name)}] = pd.to_datetime(table[{_q(column.name)}], format={column.format!r})")
    else:
        which = f", table={known.table.name!r}" if known.table.name else ""
        lines = [f"table = load({path!r}{which})  # numbers and dates that were written as text are read as such"]
        if known.table.sampled:
            lines.append(f'print("From a sample of {len(known.frame):,} of {known.table.rows:,} rows.")')
    for column, comparison, value in asked.filters:
        lines.append(f"table = table[{_condition(column, comparison, value)}]")
    return lines


def _condition(column, comparison, value):
    cell = f"table[{_q(column.name)}]"
    if comparison.endswith(" year"):
        return f"{cell}.dt.year {comparison.split()[0]} {value}"
    if comparison == "between":
        return f"{cell}.between({value[0]}, {value[1]})"
    if comparison == "in":
        return f"{cell}.astype(str).isin({list(value)!r})"
    if column.kind == "number":
        return f"{cell} {comparison} {value}"
    return f"{cell}.astype(str) == {str(value)!r}"


_HOW = {"sum": "Total", "mean": "Mean", "median": "Median", "min": "Smallest", "max": "Largest", "std": "Standard deviation of",
        "nunique": "Different values of", "size": "Number of rows"}


def _title(asked):
    what = " and ".join(str(c.name) for c in asked.measures)
    by = " and ".join(([f"{asked.step[0]}"] if asked.step else []) + [str(c.name) for c in asked.groups])
    title = _HOW[asked.operation] + (f" {what}" if asked.operation != "size" and what else "")
    return title + (f" by {by}" if by else "")


def _where(asked):
    return "" if not asked.filters else ", " + ", ".join(
        f"{c.name} {op.replace(' year', '').replace('==', '').replace('between', '').strip()} {say.listed(map(str, v), 4) if isinstance(v, (list, tuple)) else v}".replace("  ", " ")
        for c, op, v in asked.filters)


def _aggregate(asked, known):
    if not asked.groups and not asked.step:
        return _one_number(asked, known)
    keys = []
    if asked.step:
        keys.append(f"pd.Grouper(key={_q(asked.when.name)}, freq={asked.step[1]!r}" + (", label='left', closed='left')" if asked.step[1] == "W-MON" else ")"))
    keys += [_q(c.name) for c in asked.groups]
    by = keys[0] if len(keys) == 1 else f"[{', '.join(keys)}]"
    if asked.operation == "size":
        lines = [f"result = table.groupby({by}).size()"]
    elif len(asked.measures) > 1:
        lines = [f"result = table.groupby({by})[{[str(c.name) for c in asked.measures]!r}].{asked.operation}()"]
    else:
        lines = [f"result = table.groupby({by})[{_q(asked.measures[0].name)}].{asked.operation}()"]
    two = len(keys) == 2 and len(asked.measures) <= 1
    many = len(asked.measures) > 1
    if two:
        lines.append("result = result.unstack()")
    elif asked.step and not asked.groups:
        lines.append("result = result.dropna()")
    else:
        by = f"{_q(asked.measures[0].name)}, " if many else ""
        if not (asked.groups and asked.groups[0].kind == "number" and asked.top is None and asked.ascending is None):
            lines.append(f"result = result.sort_values({by}ascending={bool(asked.ascending)})")
        if asked.top:
            lines.append(f"result = result.head({asked.top})")
    title = _title(asked) + _where(asked)
    lines.append("")
    if not two and not many:
        label = ".strftime(" + repr({"D": "%d %b %Y", "W-MON": "the week of %d %b %Y", "MS": "%B %Y", "QS": "%B %Y", "YS": "%Y"}[asked.step[1]]) + ")" if asked.step else ""
        lines += ["if len(result):",
                  f"    print(f\"{_safe(title)}: highest for {{result.idxmax(){label}}} ({{result.max():,.{_digits(asked)}f}}), \"",
                  f"          f\"lowest for {{result.idxmin(){label}}} ({{result.min():,.{_digits(asked)}f}}).\")"]
    else:
        lines.append(f"print({_q(title + '.')})")
    if two:
        lines.append("print(result.round(2).to_string())" if not asked.step else "print(result.round(2).rename(index=lambda day: day.date()).to_string())")
    elif asked.step:
        lines.append("print(result.round(2).rename(index=lambda day: day.date()).to_string())" if len(keys) == 1 else "print(result.round(2).to_string())")
    elif asked.groups[0].distinct > 40 and not asked.top:
        lines.append("print(result.head(40).round(2).to_string())  # the first 40")
    else:
        lines.append("print(result.round(2).to_string())")
    return lines + _chart(asked, title, two or many)


def _digits(asked):
    if asked.operation in ("size", "nunique"):
        return 0
    whole = all(c.integral for c in asked.measures) and asked.operation in ("sum", "min", "max")
    return 0 if whole else 2


def _safe(text):
    """Inside an f-string."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}").replace("\n", " ")


def _one_number(asked, known):
    if asked.operation == "size":
        return ["", f'print(f"{_safe("Number of rows" + _where(asked))}: {{len(table):,}}.")']
    lines = []
    for column in asked.measures:
        name = _safe(f"{_HOW[asked.operation]} {column.name}{_where(asked)}")
        digits = 0 if asked.operation == "nunique" or column.integral and asked.operation in ("sum", "min", "max") else 2
        lines += [f"values = table[{_q(column.name)}].dropna()", "",
                  f'print(f"{name}: {{values.{asked.operation}():,.{digits}f}}, from {{len(values):,}} rows.")']
        if asked.operation in ("max", "min"):
            lines.append(f"print(table.loc[[values.idx{asked.operation}()]].to_string(index=False))")
    return lines


def _chart(asked, title, wide):
    name = _file(title)
    lines = ["", "figure, axis = plt.subplots(figsize=(8, 4), layout='constrained')"]
    if asked.chart == "pie" and not wide:
        lines += ["axis.pie(result.clip(lower=0), labels=result.index.astype(str), autopct='%.0f%%', startangle=90, counterclock=False,",
                  "         wedgeprops={'edgecolor': 'white'})"]
    elif asked.chart == "line":
        lines += [f"result.plot(ax=axis, marker='o', markersize=3, {'' if wide else f'color={BLUE!r}'})".replace(", )", ")"), "axis.grid(axis='y', color='#e4e6e8')"]
    elif asked.step:
        form = {"D": "%d %b %y", "W-MON": "%d %b %y", "MS": "%b %Y", "QS": "%b %Y", "YS": "%Y"}[asked.step[1]]
        lines += [f"shown = result.rename(index=lambda day: day.strftime({form!r}))",
                  f"shown.plot.bar(ax=axis, width=0.75, {'' if wide else f'color={BLUE!r}, '}rot=45 if len(shown) > 6 else 0)"]
    else:
        lines += ["shown = result.head(20)  # what fits" if not wide else "shown = result.head(20)",
                  f"shown.plot.bar(ax=axis, width=0.7, {'' if wide else f'color={BLUE!r}, '}rot=0 if len(shown) < 8 else 45)"]
    if asked.chart != "pie" and (asked.operation == "size" or all(c.additive for c in asked.measures)):
        lines.append("axis.yaxis.set_major_formatter('{x:,.0f}')")
    lines += [f"axis.set_title({_q(title.replace('$', ''))}, loc='left', fontweight='bold')", "axis.set_xlabel('')", "axis.set_ylabel('')",
              "axis.spines[['top', 'right']].set_visible(False)", f"figure.savefig({name!r}, dpi=150)", "plt.show()"]
    return lines


def _file(title, extension="png"):
    return (re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:50].strip("-") or "result") + "." + extension


def _rows(asked, known):
    if asked.ascending is not None and asked.measures:
        names = [str(c.name) for c in asked.measures]
        by = _q(names[0]) if len(names) == 1 else repr(names)
        shown = f".head({asked.top})" if asked.top else ".head(20)"
        return [f"result = table.sort_values({by}, ascending={asked.ascending}){shown}", "",
                f"print({_q('The ' + ('lowest' if asked.ascending else 'highest') + f' {asked.top or 20} rows by ' + ', '.join(names) + _where(asked) + '.')})",
                "print(result.to_string(index=False))"]
    return [f"result = table.{asked.rows if asked.rows in ('head', 'tail') else 'head'}({asked.top or 10})", "",
            f"print({_q(f'The ' + ('last' if asked.rows == 'tail' else 'first') + f' {asked.top or 10} rows{_where(asked)}.')})", "print(result.to_string(index=False))"]


def _filter(asked, known):
    return ["", f'print(f"{{len(table):,}} rows{_safe(_where(asked))}.")', "print(table.head(20).to_string(index=False))",
            "table.to_csv('filtered.csv', index=False)"]


def _correlation(asked, known):
    a, b = (str(c.name) for c in asked.measures)
    return [f"pair = table[[{_q(a)}, {_q(b)}]].dropna()", f"r = pair[{_q(a)}].corr(pair[{_q(b)}])",
            f"rank = pair[{_q(a)}].rank().corr(pair[{_q(b)}].rank())", "",
            f'print(f"The correlation of {_safe(a)} and {_safe(b)} is {{r:.3f}} (Pearson) and {{rank:.3f}} (by rank), from {{len(pair):,}} rows.")',
            *_scatter(asked, known)[1:]]


def _correlations(asked, known):
    names = [str(c.name) for c in known.measures if c.distinct > 2][:14]
    return [f"numbers = table[{names!r}]", "result = numbers.corr()", "",
            "pairs = result.where(lambda r: r.index.to_numpy()[:, None] < r.columns.to_numpy()).stack()",
            "strongest = pairs.abs().idxmax()",
            'print(f"Strongest: {strongest[0]} with {strongest[1]}, correlation {result.loc[strongest]:.2f}.")',
            "print(result.round(2).to_string())", "",
            "figure, axis = plt.subplots(figsize=(7, 5.5), layout='constrained')",
            "image = axis.imshow(result, cmap='RdBu', vmin=-1, vmax=1)",
            "for i in range(len(result)):", "    for j in range(len(result)):",
            "        r = result.iat[i, j]", "        axis.text(j, i, f'{r:.2f}', ha='center', va='center', fontsize=8, color='white' if abs(r) > 0.6 else 'black')",
            "axis.set_xticks(range(len(result)), result.columns, rotation=35, ha='right')", "axis.set_yticks(range(len(result)), result.columns)",
            "axis.set_title('Correlations', loc='left', fontweight='bold')", "figure.colorbar(image, shrink=0.8)",
            "figure.savefig('correlations.png', dpi=150)", "plt.show()"]


def _histogram(asked, known):
    lines = []
    for column in asked.measures[:4]:
        name = str(column.name)
        lines += [f"values = table[{_q(name)}].dropna()", "",
                  f'print(f"{_safe(name + _where(asked))}: {{len(values):,}} values, mean {{values.mean():,.2f}}, median {{values.median():,.2f}}, "',
                  '      f"from {values.min():,.2f} to {values.max():,.2f}; half lie between {values.quantile(0.25):,.2f} and {values.quantile(0.75):,.2f}.")', "",
                  "figure, axis = plt.subplots(figsize=(7, 4), layout='constrained')", f"axis.hist(values, bins=30, color={LIGHT!r}, edgecolor='white')",
                  f"axis.axvline(values.median(), color={BLUE!r}, label=f'median {{values.median():,.2f}}')", "axis.legend(frameon=False)",
                  f"axis.set_title({_q('Distribution of ' + name.replace('$', ''))}, loc='left', fontweight='bold')",
                  "axis.spines[['top', 'right']].set_visible(False)", f"figure.savefig({_file('distribution of ' + name)!r}, dpi=150)", "plt.show()", ""]
    return lines


def _scatter(asked, known):
    a, b = (str(c.name) for c in asked.measures[:2])
    # 'revenue against quantity': what is named first goes upwards
    return [f"pair = table[[{_q(a)}, {_q(b)}]].dropna()", "",
            *([f'print(f"{_safe(a)} against {_safe(b)}: {{len(pair):,}} rows, correlation {{pair.corr().iloc[0, 1]:.2f}}.")'] if asked.task == "scatter" else []),
            "figure, axis = plt.subplots(figsize=(6.5, 4.5), layout='constrained')",
            f"axis.scatter(pair[{_q(b)}], pair[{_q(a)}], s=14, alpha=0.5, color={BLUE!r})",
            f"axis.set_xlabel({_q(b.replace('$', ''))})", f"axis.set_ylabel({_q(a.replace('$', ''))})",
            f"axis.set_title({_q((a + ' against ' + b).replace('$', ''))}, loc='left', fontweight='bold')", "axis.spines[['top', 'right']].set_visible(False)",
            f"figure.savefig({_file(a + ' against ' + b)!r}, dpi=150)", "plt.show()"]


def _box(asked, known):
    name = str(asked.measures[0].name)
    if not asked.groups:
        return _histogram(asked, known)
    by = str(asked.groups[0].name)
    return [f"groups = {{str(key): part[{_q(name)}].dropna() for key, part in table.groupby({_q(by)})}}", "",
            f"print({_q(f'{name} in each {by}.')})", f"print(table.groupby({_q(by)})[{_q(name)}].describe().round(2).to_string())", "",
            "figure, axis = plt.subplots(figsize=(7.5, 4.2), layout='constrained')",
            f"axis.boxplot(list(groups.values()), tick_labels=list(groups), patch_artist=True, boxprops={{'facecolor': {LIGHT!r}}}, medianprops={{'color': {BLUE!r}}})",
            f"axis.set_title({_q(f'{name} by {by}'.replace('$', ''))}, loc='left', fontweight='bold')", "axis.spines[['top', 'right']].set_visible(False)",
            f"figure.savefig({_file(f'{name} by {by} box')!r}, dpi=150)", "plt.show()"]


def _missing(asked, known):
    return ["missing = table.isna().sum().sort_values(ascending=False)", "",
            'print(f"{int(missing.sum()):,} of {table.size:,} cells are missing; {len(table.dropna()):,} of {len(table):,} rows are complete.")',
            "result = pd.DataFrame({'missing': missing, 'percent': (100 * missing / len(table)).round(1)})", "print(result[result.missing > 0].to_string())"]


def _duplicates(asked, known):
    return ["repeated = table[table.duplicated(keep=False)]", "",
            'print(f"{int(table.duplicated().sum()):,} of {len(table):,} rows repeat an earlier row exactly.")', "if len(repeated):", "    print(repeated.head(20).to_string())"]


def _columns(asked, known):
    return ["result = pd.DataFrame({'type': table.dtypes.astype(str), 'filled': table.notna().sum(), 'distinct': table.nunique(),",
            "                       'example': table.apply(lambda column: column.dropna().iloc[0] if column.notna().any() else '')})", "",
            'print(f"{len(table):,} rows and {table.shape[1]} columns.")', "print(result.to_string())"]


def _describe(asked, known):
    names = [str(c.name) for c in asked.measures]
    return [f"result = table[{names!r}].describe()", "", f"print({_q('Statistics of ' + ', '.join(names) + _where(asked) + '.')})", "print(result.round(2).to_string())"]


def _values(asked, known):
    name = str(asked.groups[0].name)
    return [f"result = table[{_q(name)}].value_counts()", "", f'print(f"{_safe(name)} has {{len(result):,}} different values.")', "print(result.head(40).to_string())"]


def _outliers(asked, known):
    lines = []
    for column in asked.measures[:3]:
        name = str(column.name)
        lines += [f"values = table[{_q(name)}]", "low, high = values.quantile(0.25), values.quantile(0.75)", "reach = 1.5 * (high - low)  # Tukey's fences",
                  "result = table[(values < low - reach) | (values > high + reach)]", "",
                  f'print(f"{_safe(name)} has {{len(result):,}} outliers outside {{low - reach:,.2f}} to {{high + reach:,.2f}}.")',
                  f"print(result.sort_values({_q(name)}, ascending=False).head(20).to_string(index=False))", ""]
    return lines


def _convert(asked, known):
    stem = os.path.splitext(os.path.basename(asked.path))[0] + (f"-{known.table.name}" if known.table.name else "")
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-") or "table"
    path = f"{name}.{ {'markdown': 'md'}.get(asked.form, asked.form)}"
    if path == os.path.basename(asked.path):
        path = "converted-" + path
    how = {"csv": "to_csv({p}, index=False)", "xlsx": "to_excel({p}, index=False)", "json": "to_json({p}, orient='records', indent=2, date_format='iso', force_ascii=False)",
           "markdown": "to_markdown({p}, index=False)", "html": "to_html({p}, index=False)", "parquet": "to_parquet({p}, index=False)"}[asked.form]
    return ["table." + how.format(p=repr(path)), "", f'print(f"Saved {{len(table):,}} rows as {path}.")']


def _pivot(asked, known):
    a, b = (str(c.name) for c in asked.groups[:2])
    operation = asked.operation if asked.operation not in (None, "size", "nunique") else None
    if asked.measures:
        operation = operation or ("sum" if asked.measures[0].additive else "mean")
        made = f"table.pivot_table(values={_q(asked.measures[0].name)}, index={_q(a)}, columns={_q(b)}, aggfunc={operation!r})"
        title = f"{_HOW[operation]} {asked.measures[0].name} by {a} and {b}"
    else:
        made, title = f"pd.crosstab(table[{_q(a)}], table[{_q(b)}])", f"Number of rows by {a} and {b}"
    return [f"result = {made}", "", f"print({_q(title + '.')})", "print(result.round(2).to_string())", "",
            "figure, axis = plt.subplots(figsize=(7.5, 4.5), layout='constrained')", "image = axis.imshow(result, cmap='Blues', aspect='auto')",
            "axis.set_xticks(range(result.shape[1]), result.columns.astype(str), rotation=30, ha='right')", "axis.set_yticks(range(result.shape[0]), result.index.astype(str))",
            f"axis.set_title({_q(title.replace('$', ''))}, loc='left', fontweight='bold')", "figure.colorbar(image)",
            f"figure.savefig({_file(title)!r}, dpi=150)", "plt.show()"]


_TASKS = {"aggregate": _aggregate, "rows": _rows, "filter": _filter, "correlation": _correlation, "correlations": _correlations,
          "histogram": _histogram, "scatter": _scatter, "box": _box, "missing": _missing, "duplicates": _duplicates, "columns": _columns,
          "describe": _describe, "values": _values, "outliers": _outliers, "convert": _convert, "pivot": _pivot}

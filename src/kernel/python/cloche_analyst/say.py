"""Numbers, dates and lists as a person reads them."""
import datetime
import math

MINUS = "\u2212"


def number(value, digits=None):
    """1234567 -> '1,234,567', 0.012345 -> '0.0123': about four figures, never an exponent in between."""
    if value is None:
        return "–"
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "infinite" if value > 0 else MINUS + "infinite"
    size = abs(value)
    if digits is not None:
        text = f"{size:,.{digits}f}"
    elif value == int(value) and size < 1e15:
        text = f"{int(size):,}"
    elif size >= 1e15 or size < 1e-4:
        text = f"{size:.3g}"
    elif size >= 1000:
        text = f"{size:,.0f}"
    elif size >= 100:
        text = f"{size:.1f}"
    elif size >= 1:
        text = f"{size:.2f}"
    else:
        text = f"{size:.3g}"
    return MINUS + text if value < 0 else text


def neat(value, spread):
    """A number beside which `spread` is ordinary: what is nothing but rounding noise is 0."""
    return number(0.0 if spread == spread and abs(value) < 1e-9 * spread else value)


def percent(fraction):
    """0.1234 -> '12%', 0.034 -> '3.4%'; what is there but tiny is 'under 0.1%'."""
    if fraction is None or math.isnan(fraction):
        return "–"
    value = abs(fraction) * 100
    if value and value < 0.1:
        text = "under 0.1%"
    elif 99.9 < value < 100:
        text = "over 99.9%"
    else:
        text = f"{value:.1f}%" if value < 10 and round(value, 1) != round(value) else f"{value:.0f}%"
        if text == "100%" and value < 100:
            text = f"{value:.1f}%"
    return MINUS + text if fraction < 0 and value else text


def count(n, one, many=None):
    """count(1, 'row') -> '1 row', count(1200, 'row') -> '1,200 rows'."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def date(value):
    """A timestamp without a time when it has none: '3 Jan 2024', '3 Jan 2024 14:05'."""
    if value is None or value != value:
        return "–"
    if isinstance(value, datetime.datetime) or hasattr(value, "hour"):
        text = f"{value.day} {value:%b} {value.year}"
        return text if not (value.hour or value.minute or value.second) else f"{text} {value:%H:%M}"
    return f"{value.day} {value:%b} {value.year}"


def size(n_bytes):
    for unit, divisor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= divisor:
            return f"{n_bytes / divisor:.1f} {unit}".replace(".0 ", " ")
    return count(n_bytes, "byte")


def listed(items, limit=6, joint="and"):
    """['a', 'b', 'c'] -> 'a, b and c'; beyond the limit '… and 4 more'."""
    items = [str(item) for item in items]
    if len(items) > limit:
        items = items[: limit - 1] + [f"{len(items) - limit + 1:,} more"]
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"


def short(text, width=40):
    """On one line, cut with an ellipsis, control characters gone."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def name(column, width=40):
    """A column's name in a markdown sentence."""
    return "`" + short(column, width).replace("`", "'") + "`"


def value(item, width=40):
    """A cell's value in a markdown sentence: nothing in it is markup."""
    text = short(item, width)
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, "\\" + sign)
    return text or "(blank)"


def table(rows, header):
    """Columns aligned by spaces; numbers are given as text already."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(_width(row[i]) for row in rows) for i in range(len(header))]
    return "\n".join("  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(row, widths)).rstrip()
                     for row in rows)


def markdown_table(rows, header):
    rows = [[str(cell).replace("|", "\\|") for cell in row] for row in [header, ["---"] * len(header), *rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _width(text):
    """Columns of a terminal: Chinese, Japanese and Korean characters take two."""
    import unicodedata
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

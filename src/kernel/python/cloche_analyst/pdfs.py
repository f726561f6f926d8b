"""PDF: pages, metadata, its text by pypdf and what that holds, and tables where the text shows columns."""
import logging
import os
import re
import warnings

from cloche_analyst import Unreadable, say, texts

PAGES = 300  # whose text is read


def profile(path, report):
    shown = os.path.basename(path)
    try:
        import pypdf
    except ImportError:
        raise Unreadable(f"{shown} is a PDF, and pypdf, which reads those, is not installed in this environment. "
                         f"The environment data-science has it.") from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader, pages = _open(pypdf, path, shown)
        _profile(path, shown, reader, pages, report)


def _open(pypdf, path, shown):
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted:
            try:
                opened = reader.decrypt("")
            except Exception:  # a cipher that is not installed counts as closed
                opened = 0
            if not opened:
                raise Unreadable(f"{shown} is protected by a password, so nothing in it can be read.")
        return reader, len(reader.pages)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable(f"{shown} is damaged: its pages refer to each other in a circle.") from None
    except Exception as error:
        raise Unreadable(f"{shown} is damaged and cannot be opened as a PDF ({say.short(error, 100) or type(error).__name__}).") from None


def _profile(path, shown, reader, pages, report):
    cautions, each, unread = [], [], []
    for number in range(min(pages, PAGES)):
        try:
            each.append(reader.pages[number].extract_text() or "")
        except Exception:  # one broken page does not take the others with it
            each.append("")
            unread.append(number + 1)
    if pages > PAGES:
        cautions.append(f"Only the first {PAGES} of {pages:,} pages were read.")
    if unread:
        cautions.append(f"{say.count(len(unread), 'page')} could not be read (page {say.listed(unread, 6)}).")
    report.heading(shown)
    facts = _metadata(reader)
    report.rows("The document", [("pages", f"{pages:,}"), ("size", say.size(os.path.getsize(path))), *facts], ["what", "value"])
    text = "\n".join(each)
    _, words, _, _ = texts.facts(text)
    report.rows("Pages", [(str(i + 1), f"{len(texts._WORD.findall(t)):,}", say.short(_first_line(t), 60)) for i, t in enumerate(each[:60])],
                ["page", "words", "begins with"])
    blank = [i + 1 for i, t in enumerate(each) if not t.strip()]
    tables = _tables(each)
    for page, rows in tables[:5]:
        width = max(map(len, rows))
        rows = [tuple(say.short(c, 30) for c in row) + ("",) * (width - len(row)) for row in rows]
        report.rows(f"What looks like a table on page {page}", rows[1:21], _header(rows[0]))
    common = texts.frequent(words) or texts.runs_of_characters(text)
    report.rows("Commonest words", [(w, f"{n:,}") for w, n in common[:15]], ["word", "times"])
    if common and texts._can_draw():
        from cloche_analyst import figures
        with figures.style():
            report.figure(figures.words(common, shown), "words")
    title = next((v for k, v in facts if k == "title"), None)
    summary = f"{say.name(shown, 60)} is a PDF of {say.count(pages, 'page')}" + (f", titled “{say.value(title, 80)}”" if title else "") + \
        f", with {say.count(len(words), 'word')} of text."
    if not words:
        summary = f"{say.name(shown, 60)} is a PDF of {say.count(pages, 'page')} without any text that could be read."
        cautions.append("Its pages are probably scanned pictures; reading those takes OCR, which is not installed here.")
    elif blank:
        cautions.append(f"{say.count(len(blank), 'page')} {'has' if len(blank) == 1 else 'have'} no text (page {say.listed(blank, 6)}): "
                        f"empty, or pictures.")
    insight = f"What it keeps coming back to: {say.listed((f'“{say.value(w)}” ({n:,})' for w, n in common[:6]), 6)}." if common else None
    found = []
    opening = _opening(each)
    if opening:
        found.append(f"It opens: “{say.value(opening, 220)}”")
    if tables:
        found.append(f"{say.count(len(tables), 'table')} {'was' if len(tables) == 1 else 'were'} found by the look of the text "
                     f"(page {say.listed(sorted({p for p, _ in tables}), 6)}).")
        kept = _save(report, tables)
        found.append(f"The largest is saved as [{os.path.basename(kept)}](sandbox:{kept}).")
        cautions.append("Tables in a PDF are only positions of words: check the columns before relying on them.")
    numbers = re.findall(r"(?<![\w.])[$€£]\s?\d[\d,.]*\d|\d[\d,.]*\d\s?(?:€|%)", text)
    if numbers:
        found.append(f"It names {say.count(len(numbers), 'amount or percentage', 'amounts and percentages')}, for instance {say.listed((say.value(n) for n in list(dict.fromkeys(numbers))[:5]), 5)}.")
    if words:
        cautions.append("Words were counted, not understood: no rule here knows what the text means.")
    report.conclude(summary, insight, found, cautions)


def _metadata(reader):
    facts = []
    try:
        info = reader.metadata or {}
    except Exception:
        return facts
    for key, label in (("/Title", "title"), ("/Author", "author"), ("/Subject", "subject"), ("/Producer", "made with"), ("/CreationDate", "created")):
        try:
            value = info.get(key)
        except Exception:
            continue
        value = say.short(value, 100) if value else ""
        match = re.match(r"D:(\d{4})(\d\d)(\d\d)", value)
        if match:
            value = "-".join(match.groups())
        if value:
            facts.append((label, value))
    return facts


def _first_line(text):
    return next((line for line in text.splitlines() if line.strip()), "")


def _opening(pages):
    """The first lines that are sentences."""
    for text in pages[:3]:
        for block in re.split(r"\n\s*\n", text):
            block = " ".join(block.split())
            if len(block) > 80 and re.search(r"[a-z]\. |[a-z]\.$|。", block):
                return say.short(block, 220)
    return None


def _header(cells):
    """Names for a table's columns, each once."""
    made = []
    for i, cell in enumerate(cells):
        name = cell or f"column {i + 1}"
        made.append(name if name not in made else f"{name} ({i + 1})")
    return made


def _tables(pages):
    """[(page, rows)]: three lines or more of the same number of fields, most of them numbers below the first."""
    found = []
    for number, text in enumerate(pages, 1):
        rows = []
        for line in [*text.splitlines(), ""]:
            cells = [c.strip() for c in re.split(r"\s{2,}|\t|\s\|\s", line.strip()) if c.strip()]
            if len(cells) < 2:
                cells = _by_numbers(line)
            if len(cells) >= 2 and (not rows or abs(len(cells) - len(rows[-1])) <= (1 if len(rows) == 1 else 0)):
                rows.append(cells)
                continue
            _keep(found, number, rows)
            rows = [cells] if len(cells) >= 2 else []
        _keep(found, number, rows)
    return sorted(found, key=lambda one: -len(one[1]))


def _by_numbers(line):
    """'Widget A 12 3.50 42.00' -> four cells: words together, each number by itself."""
    parts = line.split()
    at = next((i for i, part in enumerate(parts) if re.fullmatch(r"[-$€£]?\d[\d,.]*%?", part)), None)
    if not at or not all(re.fullmatch(r"[-$€£]?\d[\d,.]*%?", part) for part in parts[at:]):
        return []
    return [" ".join(parts[:at]), *parts[at:]]


def _keep(found, number, rows):
    if len(rows) < 3:
        return
    body = [cell for row in rows[1:] for cell in row]
    numeric = sum(bool(re.fullmatch(r"[-+$€£(]?\d[\d,.]*[%)]?", cell)) for cell in body)
    if numeric >= 0.3 * len(body):
        found.append((number, rows))


def _save(report, tables):
    import csv
    page, rows = tables[0]
    path = os.path.join(report.folder, f"{report.stem}-page-{page}-table.csv")
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path

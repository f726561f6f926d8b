"""Plain text: how much there is, its commonest words and phrases, and, where it is a log, when and how often
what happened. Works with the standard library alone; figures need matplotlib."""
import collections
import os
import re

from cloche_analyst import Unreadable, reading, say

LIMIT = 64 << 20   # bytes that are looked at
LOG_LINES = 0.5    # of the lines begin with a time: a log

# The little words of the languages met most. What is left tells what a text is about.
STOP = frozenset("""
a about after again all also am an and any are as at be because been before being both but by can could did do does
doing down during each few for from further had has have having he her here hers him his how i if in into is it its
itself just me more most my no nor not now of off on once only or other our out over own same she should so some such
than that the their them then there these they this those through to too under until up us very was we were what when
where which while who whom why will with would you your one two may must upon shall said like
der die das und ist in den von zu mit sich des auf für nicht ein eine als auch es an werden aus er hat dass sie nach
wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man
le la les de des du et en un une est que qui dans pour pas sur au par plus ce se ne avec il elle sont ou mais
el los las y que en un una por con no se su para es al lo como más o pero sus le ya este
""".split())
_WORD = re.compile(r"[^\W\d_][\w'’]*", re.UNICODE)
_TIME = re.compile(
    r"^\W{0,3}(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?)|^(?P<sys>[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d)|"
    r"^[^\[\n]{0,80}\[(?P<web>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)|^\W{0,3}(?P<slash>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)")
_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|PANIC)\b")
_STATUS = re.compile(r'" ([1-5]\d\d) ')
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")


def profile(path, report):
    shown = os.path.basename(path)
    with open(path, "rb") as file:
        data = file.read(LIMIT + 1)
    how = reading.encoding(data[: reading.HEAD])
    text = reading.decode(data[:LIMIT], how)
    cautions = []
    if len(data) > LIMIT:
        cautions.append(f"Only the first {say.size(LIMIT)} of {say.size(os.path.getsize(path))} were read.")
    broken = text.count("\ufffd")
    if broken:
        cautions.append(f"{say.count(broken, 'byte')} {'does' if broken == 1 else 'do'} not fit {reading.encoding_name(how)} and "
                        f"{'is' if broken == 1 else 'are'} shown as \ufffd.")
    report.heading(shown)
    times = _times(text)
    if times:
        return _log(path, text, times, how, cautions, report)
    _prose(shown, text, reading.encoding_name(how), cautions, report)


def profile_word(path, report):
    shown = os.path.basename(path)
    try:
        import docx
    except ImportError:
        raise Unreadable(f"{shown} is a Word document, and python-docx, which reads those, is not installed in this environment.") from None
    try:
        document = docx.Document(path)
        paragraphs = [p.text for p in document.paragraphs]
        tables = [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]
    except Exception as error:
        raise Unreadable(f"{shown} is damaged and cannot be opened as a Word document ({say.short(error, 100)}).") from None
    report.heading(shown)
    cautions = []
    for i, rows in enumerate(tables[:5], 1):
        if rows and rows[0]:
            report.rows(f"Table {i}", [tuple(say.short(c, 30) for c in row) for row in rows[1:21]], [say.short(c, 30) for c in rows[0]])
    if tables:
        cautions.append(f"{say.count(len(tables), 'table')} in it {'is' if len(tables) == 1 else 'are'} listed above, but not analysed.")
    _prose(shown, "\n".join(paragraphs), "a Word document", cautions, report)


def facts(text):
    """What can be counted in a text."""
    lines = text.splitlines()
    words = _WORD.findall(text)
    sentences = [s for s in re.split(r"(?<=[.!?。！？])\s+", text) if _WORD.search(s)]
    paragraphs = [p for p in re.split(r"\n\s*\n", text) if p.strip()]
    return lines, words, sentences, paragraphs


def frequent(words, limit=20):
    """[(word, times)] without the little ones; a word counts under the spelling it has most often."""
    counts, forms = collections.Counter(), {}
    for word in words:
        low = word.lower()
        if len(low) > 2 and low not in STOP and not _CJK.match(low):
            counts[low] += 1
            forms.setdefault(low, collections.Counter())[word] += 1
    return [(forms[low].most_common(1)[0][0], n) for low, n in counts.most_common(limit) if n > 1]


def phrases(words, limit=8):
    """[(two words, times)] that stand together more often than once."""
    low = [w.lower() for w in words]
    pairs = collections.Counter((a, b) for a, b in zip(low, low[1:])
                                if a not in STOP and b not in STOP and len(a) > 2 and len(b) > 2)
    return [(f"{a} {b}", n) for (a, b), n in pairs.most_common(limit) if n > 1]


def runs_of_characters(text, limit=15):
    """The same for Chinese and its like, which put no space between words: runs of two to six characters that
    come back, each only where no longer run comes back as often."""
    counts = collections.Counter()
    for run in re.findall(r"[\u3400-\u9fff]{2,}", text[:500_000]):
        for n in range(2, 7):
            counts.update(run[i:i + n] for i in range(len(run) - n + 1))
    often = {run: n for run, n in counts.items() if n > 1}
    inner = {longer[i:i + len(longer) - 1] for longer, n in often.items() for i in (0, 1)
             if len(longer) > 2 and often.get(longer[i:i + len(longer) - 1]) == n}
    kept = [(run, n) for run, n in often.items() if run not in inner and len(run) < 6]
    return sorted(kept, key=lambda one: (-one[1], -len(one[0])))[:limit]


def _prose(shown, text, encoding, cautions, report):
    lines, words, sentences, paragraphs = facts(text)
    cjk = len(_CJK.findall(text))
    rows = [("lines", f"{len(lines):,}"), ("words", f"{len(words):,}"), ("characters", f"{len(text):,}"),
            ("sentences", f"{len(sentences):,}"), ("paragraphs", f"{len(paragraphs):,}"),
            ("distinct words", f"{len({w.lower() for w in words}):,}"), ("encoding", encoding)]
    report.rows("Counts", rows, ["what", "number"])
    common = runs_of_characters(text) if cjk > len(text) * 0.2 else frequent(words)
    report.rows("Commonest words", [(w, f"{n:,}") for w, n in common], ["word", "times"])
    together = phrases(words) if cjk < len(text) * 0.2 else []
    report.rows("Words that stand together", [(p, f"{n:,}") for p, n in together], ["phrase", "times"])
    headings = [line.strip() for line in lines if re.match(r"#{1,4} \S", line)]
    if headings:
        report.rows("Headings", [(say.short(h.lstrip("# "), 60), str(len(h) - len(h.lstrip("#")))) for h in headings[:30]], ["heading", "level"])
    if common and _can_draw():
        from cloche_analyst import figures
        with figures.style():
            report.figure(figures.words(common, shown), "words")
    minutes = max(1, round(len(words) / 230))
    summary = f"{say.name(shown, 60)} is a text of {say.count(len(words), 'word')} in {say.count(len(lines), 'line')}" + (
        f" and {say.count(len(paragraphs), 'paragraph')}, about {say.count(minutes, 'minute')} of reading." if cjk < len(text) * 0.2
        else f", {say.count(cjk, 'character')} of them Chinese, Japanese or Korean.")
    insight = f"What it keeps coming back to: {say.listed((f'“{say.value(w)}” ({n:,})' for w, n in common[:6]), 6)}." if common else None
    found = []
    if together:
        found.append(f"Words that often stand together: {say.listed((f'“{say.value(p)}” ({n:,})' for p, n in together[:4]), 4)}.")
    if len(sentences) > 4 and cjk < len(text) * 0.2:
        length = len(words) / len(sentences)
        found.append(f"A sentence has {say.number(round(length, 1))} words on average"
                     f"{', which is long' if length > 25 else ', which is short' if length < 10 else ''}.")
    if headings:
        found.append(f"It has {say.count(len(headings), 'heading')}: {say.listed((f'“{say.value(h.lstrip(chr(35) + chr(32)))}”' for h in headings), 5)}.")
    for what, pattern in (("e-mail address", r"[\w.+-]+@[\w-]+\.[\w.]+"), ("web address", r"https?://[^\s)>\"']+")):
        there = set(re.findall(pattern, text))
        if there:
            plural = f"different {what}es"
            found.append(f"{say.count(len(there), what, plural)} in it, for instance {say.value(sorted(there)[0].rstrip('.,;'), 50)}.")
    cautions.append("Words were counted, not understood: no rule here knows what the text means.")
    report.conclude(summary, insight, found, cautions)


# ---- logs ----------------------------------------------------------------------------------------

def _times(text):
    """[(line, time as text, which form)] when most lines begin with a time."""
    lines = [line for line in text.splitlines() if line.strip()]
    probe = lines[:500]
    if len(probe) < 5 or sum(bool(_TIME.match(line)) for line in probe) < LOG_LINES * len(probe):
        return None
    found = []
    for line in lines:
        match = _TIME.match(line)
        if match:
            found.append((line, match.group(match.lastgroup), match.lastgroup))
    return found


_FORMS = {"sys": "%b %d %H:%M:%S", "web": "%d/%b/%Y:%H:%M:%S", "slash": "%Y/%m/%d %H:%M:%S"}


def _parse(stamp, form):
    import datetime
    try:
        if form == "iso":
            return datetime.datetime.fromisoformat(stamp)
        if form == "sys":
            return datetime.datetime.strptime("2000 " + " ".join(stamp.split()), "%Y " + _FORMS[form])
        return datetime.datetime.strptime(stamp, _FORMS[form])
    except ValueError:
        return None


def template(line):
    """A line without what varies: times, numbers, addresses. Lines alike say the same thing."""
    line = _TIME.sub("", line, count=1)
    line = re.sub(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|\b\d+(\.\d+)*\b", "#", line)
    return say.short(re.sub(r"[\s\]\[]+", " ", line).strip(" :-"), 90)


def _log(path, text, times, how, cautions, report):
    shown = os.path.basename(path)
    stamps = [t for t in (_parse(stamp, form) for _, stamp, form in times) if t]
    levels = collections.Counter(m.group(1).replace("WARNING", "WARN") for line, _, _ in times if (m := _LEVEL.search(line)))
    statuses = collections.Counter(m.group(1) for line, _, _ in times if (m := _STATUS.search(line)))
    kinds = collections.Counter(template(line) for line, _, _ in times)
    bad = collections.Counter(template(line) for line, _, _ in times
                              if (m := _LEVEL.search(line)) and m.group(1) in ("ERROR", "FATAL", "CRITICAL", "SEVERE", "PANIC"))
    total = sum(1 for line in text.splitlines() if line.strip())
    dated = bool(times) and times[0][2] != "sys"

    def when(moment):
        return say.date(moment) if dated else f"{moment.day} {moment:%b %H:%M}"

    report.text(f"{total:,} lines, {len(times):,} of them begin with a time. {reading.encoding_name(how)}.")
    report.rows("Levels", [(level, f"{n:,}", say.percent(n / len(times))) for level, n in levels.most_common()], ["level", "lines", "part"])
    report.rows("HTTP statuses", [(s, f"{n:,}", say.percent(n / len(times))) for s, n in statuses.most_common(12)], ["status", "lines", "part"])
    report.rows("Commonest messages, # for what varies", [(k, f"{n:,}") for k, n in kinds.most_common(12)], ["message", "times"])
    report.rows("Errors", [(k, f"{n:,}") for k, n in bad.most_common(12)], ["message", "times"])
    found, busiest = [], None
    if stamps:
        first, last = min(stamps), max(stamps)
        counts, step = _steps(stamps, first, last)
        if counts:
            at, most = max(counts.items(), key=lambda c: c[1])
            busiest = f"Busiest: the {step} from {when(at)} on, with {say.count(most, 'line')}, where " \
                      f"{say.number(round(sum(counts.values()) / len(counts), 1))} are usual."
            if _can_draw() and len(counts) >= 3:
                import pandas

                from cloche_analyst import figures
                with figures.style():
                    report.figure(figures.events(pandas.Series(counts).sort_index(), shown, step), "over time")
        summary = f"{say.name(shown, 60)} is a log of {say.count(total, 'line')}, from {when(first)} to {when(last)}"
        ordered = sorted(stamps)
        gaps = [(b - a, a) for a, b in zip(ordered, ordered[1:])]
        widest = max(gaps, default=None)
        usual = (last - first) / max(1, len(stamps) - 1)
        if widest and len(gaps) > 10 and widest[0] > 20 * usual and widest[0].total_seconds() > 60:
            cautions.append(f"Nothing was written for {_span(widest[0])} after {when(widest[1])}.")
        if any(b < a for a, b in zip(stamps, stamps[1:])):
            cautions.append("Its lines are not all in order of time.")
    else:
        summary = f"{say.name(shown, 60)} is a log of {say.count(total, 'line')}"
    if levels:
        summary += f": {say.listed((f'{n:,} {level}' for level, n in levels.most_common()), 6)}"
    errors = sum(bad.values())
    failing = sum(n for s, n in statuses.items() if s[0] == "5")
    if errors:
        insight = f"{say.count(errors, 'line')} {'is an error' if errors == 1 else 'are errors'} ({say.percent(errors / len(times))}); the commonest, " \
                  f"{say.count(bad.most_common(1)[0][1], 'time')}: “{say.value(bad.most_common(1)[0][0], 80)}”."
    elif failing:
        insight = f"{say.count(failing, 'request')} failed on the server ({say.percent(failing / len(times))} with a 5xx status)."
    else:
        insight = busiest or f"The commonest message, {say.count(kinds.most_common(1)[0][1], 'time')}: “{say.value(kinds.most_common(1)[0][0], 80)}”."
    if busiest and insight is not busiest:
        found.append(busiest)
    if statuses:
        found.append(f"HTTP statuses: {say.listed((f'{s} ({n:,})' for s, n in statuses.most_common(6)), 6)}.")
    found.append(f"{say.count(len(kinds), 'kind')} of message, told apart by what does not vary in them; "
                 f"{say.percent(sum(n for _, n in kinds.most_common(3)) / len(times))} of the lines are of the three commonest.")
    report.conclude(summary + ".", insight, found, cautions)


def _steps(stamps, first, last):
    """({start: lines}, the step's name), in twenty to a hundred steps."""
    import datetime
    span = (last - first).total_seconds()
    seconds, name = next(((s, n) for s, n in ((60, "minute"), (600, "ten minutes"), (3600, "hour"), (86400, "day"), (604800, "week"))
                          if span / s <= 120), (2592000, "month"))
    start = datetime.datetime(first.year, first.month, first.day)
    counts = collections.Counter(int((t - start).total_seconds() // seconds) for t in stamps)
    return {start + datetime.timedelta(seconds=k * seconds): counts.get(k, 0) for k in range(min(counts), max(counts) + 1)}, name


def _span(delta):
    seconds = delta.total_seconds()
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return say.count(round(seconds / size), name)
    return say.count(round(seconds), "second")


def _can_draw():
    try:
        import matplotlib  # noqa: F401
        import pandas  # noqa: F401
        return True
    except ImportError:
        return False

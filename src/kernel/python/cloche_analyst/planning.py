"""A question about a table, turned into pandas code by rules.

`run` prints what was understood and, between two marked lines, the code that answers it; the analyst then
runs that code as a cell of its own, so that a person sees, keeps and can change it. What the rules find no
answer for becomes a profile of the whole file.
"""
import os
import warnings

from cloche_analyst import Unreadable, columns, reading, report, say

# The analyst's C side looks for these (src/provider/offline_answer.c).
BEGIN, END = "----- code -----", "----- end of code -----"


def run(path, question, before=(), table=None):
    shown = os.path.basename(path)
    try:
        known, what = _known(path, table, question)
    except Unreadable as why:
        report.refuse(str(why))
        return
    except MemoryError:
        report.refuse(f"{shown} does not fit into this session's memory.")
        return
    if known is None:  # not a table: its profile says what can be said
        _offer(f"{shown} is not a table, so here is its profile.", _profile(path))
        return
    from cloche_analyst import questions, writing
    asked = questions.understand(question, before, known)
    frame = known.frame
    print(f"{shown}{f', {known.table.name}' if known.table.name else ''}: {say.count(known.table.rows, 'row')}, "
          f"{say.count(frame.shape[1], 'column')}.")
    print("Columns: " + say.listed((f"{say.short(c.name, 30)} ({c.kind})" for c in known.columns), 20) + ".")
    if asked is None:
        _offer("No rule understands the question as one about these columns, so here is a profile of the whole.", _profile(path))
        return
    _offer(f"Understood: {asked.said()}.", writing.code(asked, known, path))


def _known(path, table, question):
    what = reading.kind(path)
    if what not in reading.TABLES:
        return None, what
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = reading.tables(path, what)
        except Unreadable:
            if what == "json":
                return None, what
            raise
        filled = [one for one in found if len(one.frame)]
        if not filled:
            raise Unreadable(f"{os.path.basename(path)} has no rows to ask about.")
        chosen = next((one for one in filled if one.name == table), None) if table else None
        if chosen is None:  # the sheet that the question names, else the one whose columns it names most, else the first
            low = question.casefold()
            named = [one for one in filled if one.name and one.name.casefold() in low]
            chosen = named[0] if named else max(filled, key=lambda one: (sum(
                len(str(c)) > 2 and str(c).casefold().replace("_", " ") in low.replace("_", " ") for c in one.frame.columns), -filled.index(one)))
        return columns.understand(chosen), what


def _profile(path):
    return f"from cloche_analyst import profile\n\nprofile({path!r})\n"


def _offer(said, code):
    print(said)
    print(f"{BEGIN}\n{code.rstrip()}\n{END}")

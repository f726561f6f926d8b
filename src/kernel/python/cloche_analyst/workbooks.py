"""Excel workbooks, .xlsx and the older .xls: every sheet, its header found below titles, formulas without
a saved result counted, and no more rows than time and memory allow."""
import os
import re
import warnings

from cloche_analyst import Unreadable, say
from cloche_analyst.reading import Table

CELLS = 3_000_000  # of a whole workbook; what lies beyond is not read, and that is said
HEADER_WITHIN = 20  # rows
ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")


class Sheet:
    """The cells of one sheet as rows of Python values."""

    def __init__(self, name, rows, cut=False, hidden=False, formulas=0, unsaved=0):
        self.name, self.rows, self.cut, self.hidden = name, rows, cut, hidden
        self.formulas, self.unsaved = formulas, unsaved


def tables(path):
    shown = os.path.basename(path)
    with open(path, "rb") as file:
        old = file.read(2) == b"\xd0\xcf"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that no table needs
        try:
            sheets = list(_old(path) if old else _new(path))
        except (Unreadable, MemoryError):
            raise
        except Exception as error:  # whatever a damaged file makes of the readers
            text = str(error).lower()
            if "encrypt" in text or "password" in text:
                raise Unreadable(f"{shown} is protected by a password, so nothing in it can be read. "
                                 f"Save it without one and attach it again.") from None
            raise Unreadable(f"{shown} is damaged and cannot be opened as a workbook "
                             f"({say.short(error, 100) or type(error).__name__}).") from None
    if not sheets:
        raise Unreadable(f"{shown} has no worksheet in it.")
    found = [_table(sheet, path, sole=len(sheets) == 1) for sheet in sheets]
    if not any(len(table.frame) or len(table.frame.columns) for table in found):
        raise Unreadable(f"{shown} has {say.count(len(found), 'sheet')}, and "
                         f"{'it is' if len(found) == 1 else 'all are'} empty.")
    return found


def _new(path):
    import openpyxl
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    formulas = _formulas(path)
    left = CELLS
    try:
        for sheet in book.worksheets:
            if hasattr(sheet, "reset_dimensions"):
                sheet.reset_dimensions()  # what some programs write there is wrong
            rows, cut = [], False
            for row in sheet.iter_rows(values_only=True):
                if left <= 0:
                    cut = True
                    break
                left -= len(row) + 1
                rows.append(list(row))
            cells = formulas.get(sheet.title, ())
            unsaved = sum(1 for r, c in cells if r < len(rows) and c < len(rows[r]) and rows[r][c] is None)
            yield Sheet(sheet.title, rows, cut, sheet.sheet_state != "visible", len(cells), unsaved)
    finally:
        book.close()


def _formulas(path):
    """{sheet: [(row, column)]} of cells that hold a formula; none for a file too big to be read twice."""
    if os.path.getsize(path) > 8 << 20:
        return {}
    import openpyxl
    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    found = {}
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            cells = found[sheet.title] = []
            for r, row in enumerate(sheet.iter_rows(values_only=True)):
                cells += [(r, c) for c, value in enumerate(row) if isinstance(value, str) and value.startswith("=")]
                if len(cells) > 100_000 or r > 200_000:
                    break
    finally:
        book.close()
    return found


def _old(path):
    import datetime

    import xlrd
    with open(os.devnull, "w") as nowhere:
        book = xlrd.open_workbook(path, logfile=nowhere, on_demand=True)
        for sheet in book.sheets():
            rows = []
            for r in range(sheet.nrows):
                row = []
                for cell in sheet.row(r):
                    value = cell.value
                    if cell.ctype == xlrd.XL_CELL_DATE:
                        try:
                            value = xlrd.xldate_as_datetime(value, book.datemode)
                        except (ValueError, OverflowError, xlrd.xldate.XLDateError):
                            pass
                        if isinstance(value, datetime.datetime) and value.year < 1901:
                            value = value.time()
                    elif cell.ctype == xlrd.XL_CELL_BOOLEAN:
                        value = bool(value)
                    elif cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
                        value = None
                    elif cell.ctype == xlrd.XL_CELL_ERROR:
                        value = "#VALUE!"
                    elif isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
                        value = int(value)
                    row.append(value)
                rows.append(row)
            yield Sheet(sheet.name, rows, hidden=bool(sheet.visibility))


def _blank(value):
    return value is None or isinstance(value, str) and not value.strip()


def _table(sheet, path, sole):
    import pandas
    rows = sheet.rows
    while rows and all(map(_blank, rows[-1])):
        rows.pop()
    notes = []
    if sheet.hidden:
        notes.append("The sheet is hidden in the workbook.")
    if not rows:
        return Table(sheet.name, pandas.DataFrame(), [*notes, "The sheet is empty."])
    width = max(len(row) for row in rows)
    rows = [row + [None] * (width - len(row)) for row in rows]
    used = [c for c in range(width) if any(not _blank(row[c]) for row in rows)]
    at = _header_row([[row[c] for c in used] for row in rows[:HEADER_WITHIN]])
    body = rows[at + 1:] if at is not None else rows
    names, numbered, twice = _names([rows[at][c] for c in used] if at is not None else [None] * len(used))
    skipped = sum(1 for row in rows[: at or 0] if not all(map(_blank, row)))
    empty = [i for i, row in enumerate(body) if all(map(_blank, row))]
    gone = set(empty)
    body = [row for i, row in enumerate(body) if i not in gone]
    data = {name: [_value(row[c]) for row in body] for name, c in zip(names, used)}
    frame = pandas.DataFrame(data, columns=names)
    frame = frame.infer_objects()
    errors = sum(1 for row in body for value in row if isinstance(value, str) and value in ERRORS)
    if at is None:
        notes.append("It has no header row, so its columns are numbered.")
    if skipped:
        notes.append(f"{say.count(skipped, 'row')} above the header {'was' if skipped == 1 else 'were'} left out"
                     f" (“{say.short(next(str(v) for row in rows[:at] for v in row if not _blank(v)), 60)}”).")
    if empty:
        notes.append(f"{say.count(len(empty), 'empty row')} between the rows {'was' if len(empty) == 1 else 'were'} left out.")
    if numbered and at is not None:
        notes.append(f"{say.count(numbered, 'column')} without a name {'is' if numbered == 1 else 'are'} numbered.")
    if twice:
        notes.append(f"The column {'name' if len(twice) == 1 else 'names'} {say.listed(say.name(t) for t in twice)} "
                     f"{'occurs' if len(twice) == 1 else 'occur'} more than once; the later ones carry a number (.1, .2).")
    if sheet.unsaved:
        notes.append(f"{sheet.unsaved:,} of {say.count(sheet.formulas, 'formula')} "
                     f"{'has' if sheet.unsaved == 1 else 'have'} no saved result, because the file was written by a program "
                     f"that does not calculate: those cells count as missing. Open and save it in Excel to have them.")
    elif sheet.formulas:
        notes.append(f"{say.count(sheet.formulas, 'cell')} {'is a formula' if sheet.formulas == 1 else 'are formulas'}; "
                     f"their last saved results are used.")
    if errors:
        notes.append(f"{say.count(errors, 'cell')} {'holds' if errors == 1 else 'hold'} an Excel error such as #DIV/0! "
                     f"and {'counts' if errors == 1 else 'count'} as missing.")
    if sheet.cut:
        notes.append(f"The workbook is large: only its first {len(body):,} rows of this sheet were read.")
    plain = not (skipped or empty or numbered or errors or sheet.cut or at is None or len(used) != width)
    which = "" if sole else f", sheet_name={sheet.name!r}"
    return Table(sheet.name, frame, notes, call=f"pd.read_excel({path!r}{which})" if plain else None)


def _value(value):
    return None if _blank(value) or isinstance(value, str) and value in ERRORS else value


def _header_row(rows):
    """The row that names the columns: the first that is mostly text and fills most of the width. None when
    the first full row is data."""
    width = max((len(row) for row in rows), default=0)
    for at, row in enumerate(rows):
        filled = [value for value in row if not _blank(value)]
        if len(filled) < max(1, (width + 1) // 2):
            continue  # a title, a remark
        texts = [value for value in filled if isinstance(value, str)]
        years = [value for value in filled if isinstance(value, int) and 1900 <= value <= 2100
                 or isinstance(value, str) and re.fullmatch(r"(19|20)\d\d", value)]
        if len(texts) + len(years) >= len(filled) * 0.8 and (texts or len(set(years)) == len(filled)):
            return at
        return None
    return 0 if rows and any(isinstance(value, str) for value in rows[0]) else None


def _names(cells):
    """(names, how many had none, those that occur twice). Duplicates are numbered as pandas does."""
    names, seen, twice, numbered = [], {}, [], 0
    for i, cell in enumerate(cells):
        text = "" if _blank(cell) else str(cell).strip()
        if not text:
            text = f"column {i + 1}"
            numbered += 1
        if text in seen:
            if text not in twice:
                twice.append(text)
            seen[text] += 1
            text = f"{text}.{seen[text]}"
        seen.setdefault(text, 0)
        names.append(text)
    return names, numbered, twice

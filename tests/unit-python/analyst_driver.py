"""Profiles every file of a folder and answers questions about some, under the interpreter that is tested; prints
one JSON object: what was printed, which figures were shown, what went wrong.

`python analyst_driver.py LIBRARY FOLDER OUT`"""
import builtins
import contextlib
import io
import json
import os
import sys
import traceback
import warnings

library, folder, out = sys.argv[1:4]
sys.path.insert(0, library)
os.chdir(out)

try:
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot
except ImportError:
    matplotlib = None

shown = []


def display(thing):
    """As a session has it: figures are counted, tables printed."""
    if hasattr(thing, "savefig"):
        shown.append(thing)
    else:
        print(thing.to_string())


builtins.display = display
from cloche_analyst import plan, profiling  # noqa: E402
from cloche_analyst import Unreadable  # noqa: E402

QUESTIONS = {
    "sales.csv": ["total revenue by region", "revenue over time", "correlation between quantity and revenue", "histogram of revenue",
                  "top 3 rows by revenue", "orders with revenue greater than 1500", "missing values", "are there duplicates?",
                  "what columns are there?", "convert this dataset to excel", "outliers in revenue", "box plot of revenue by product",
                  "heatmap of revenue by region and product", "scatter plot of revenue vs quantity", "unique values of product",
                  "mean revenue in 2023", "revenu by reigon", "how many different products?", "number of rows where quantity is at least 10",
                  "quarterly revenue by region", "top 2 products by revenue"],
    "european.csv": ["revenue by region"],
    "book.xlsx": ["target by manager"],
    "chinese.csv": ["每个地区的销售额", "monthly 销售额"],
    "hostile-names.csv": ["average of </script><b>bold</b>"],
    "twins.csv": ["sum of value.1 by name"],
}
FOLLOW_UPS = {"sales.csv": [(["total revenue by region"], "and the median"), (["total revenue by region"], "now as a pie chart"),
                            (["monthly revenue"], "only for North")]}


def run(action, *arguments):
    shown.clear()
    printed, said = io.StringIO(), {}
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            action(*arguments)
        except Unreadable as why:
            said["refused"] = str(why)
        except BaseException:
            said["traceback"] = traceback.format_exc()
    said.update(text=printed.getvalue(), figures=len(shown),
                warnings=[str(w.message) for w in caught if "Glyph" not in str(w.message) and "pyarrow" not in str(w.message).lower()])
    return said


def answered(name, question, before=()):
    said = run(plan, os.path.join(folder, name), question, before)
    if "----- code -----\n" in said["text"]:
        code = said["text"].split("----- code -----\n")[1].split("\n----- end of code -----")[0]
        said["code"] = code
        if "profile(" not in code:
            said["answer"] = run(exec, compile(code, "<code>", "exec"), {})
            matplotlib.pyplot.close("all")
    return said


names = sorted(os.listdir(folder))
files = {name: run(profiling.examine, os.path.join(folder, name)) for name in names}
result = {
    "files": files,
    "safe": {name: run(profiling.run, os.path.join(folder, name)) for name in names if "refused" in files[name]},
    "questions": {f"{name}: {question}": answered(name, question) for name, asked in QUESTIONS.items() if name in names for question in asked}
    if matplotlib else {},
    "follow_ups": {f"{name}: {question}": answered(name, question, before) for name, asked in FOLLOW_UPS.items() if name in names
                   for before, question in asked} if matplotlib else {},
}
json.dump(result, sys.stdout)

"""The hands of the offline analyst: what its programs call inside a session.

`profile("/mnt/data/sales.xlsx")` says what a file holds, `load(path)` reads a table as the profile
reads it, `plan(path, question)` turns a question about a table into pandas code. No language model is
in any of it: these are rules, and they say so.

Importing this costs nothing. What is needed is imported when it is called, and where pandas is not
installed the standard library does what it can.
"""


class Unreadable(Exception):
    """A file that cannot be analysed; the message is a sentence for a person."""


def profile(path, *more):
    """Prints a full profile of each file, shows its figures, and leaves a report beside them."""
    from cloche_analyst import profiling
    for one in (path, *more):
        profiling.run(one)


def load(path, table=None):
    """The table in a file as a DataFrame: its delimiter, encoding, header, numbers and dates found out.
    `table` names a sheet of a workbook or a list in a JSON file; without it, the first with rows."""
    from cloche_analyst import reading
    return reading.load(path, table)


def plan(path, question, before=(), table=None):
    """Prints what the rules understand of a question about a table, and pandas code that answers it.
    `before` holds the earlier questions of the conversation, oldest first."""
    from cloche_analyst import planning
    planning.run(path, question, tuple(before), table)

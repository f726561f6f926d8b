"""A full profile of one file, whatever it is."""
import os

from cloche_analyst import Unreadable, reading, report, say
from cloche_analyst.report import Report


def run(path):
    """Never a traceback: what cannot be done is said in a sentence."""
    shown = os.path.basename(path)
    try:
        examine(path)
    except Unreadable as why:
        report.refuse(str(why))
    except MemoryError:
        report.refuse(f"{shown} does not fit into this session's memory. A part of it, or a session with a higher "
                      f"memory limit, would.")
    except RecursionError:
        report.refuse(f"{shown} is nested too deeply to be read.")
    except OSError as error:
        report.refuse(f"{shown} could not be profiled: {error.strerror or error}.")
    except Exception as error:  # a fault of these rules, not of the person who attached the file
        report.refuse(f"{shown} could not be profiled: these rules met something they do not expect "
                      f"({type(error).__name__}: {say.short(error, 160)}).")


def examine(path):
    """The same, with whatever is raised: for those who want to know why."""
    path = os.path.abspath(path)
    what = reading.kind(path)
    made = Report(path)
    if what in reading.TABLES:
        if not _has_pandas():
            from cloche_analyst import plain
            return plain.profile(path, what, made)
        from cloche_analyst import tabular
        return tabular.profile(path, what, made)
    if what == "pdf":
        from cloche_analyst import pdfs
        return pdfs.profile(path, made)
    if what == "image":
        from cloche_analyst import images
        return images.profile(path, made)
    from cloche_analyst import texts
    if what == "word":
        return texts.profile_word(path, made)
    return texts.profile(path, made)


def _has_pandas():
    try:
        import pandas  # noqa: F401
        return True
    except ImportError:
        return False

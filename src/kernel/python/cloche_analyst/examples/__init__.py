"""The gallery's three examples, as programs to read, run and change.

Each file is the code of one cell: it prints what it finds and shows its figures. It uses what the environment data-science has, nothing of Cloche's.
"""
import os

NAMES = ("data-analysis", "math-computation", "image-generation")


def source(name):
    """The text of an example by its name in NAMES."""
    if name not in NAMES:
        raise ValueError(f"no example {name!r}; there are {', '.join(NAMES)}")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name.replace("-", "_") + ".py")
    with open(path, encoding="utf-8") as file:
        return file.read()

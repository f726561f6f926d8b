"""Values as MIME bundles, exactly as Jupyter's.

IPython's formatters are the measure. For values whose text is sure to be the same without them
(numbers, strings, short containers of those, objects with a `__repr__` of their own and no rich form)
this module writes it itself, so that plain code never pays for importing IPython.
"""
from cloche_kernel import BUILTINS as __builtins__

from cloche_kernel.state import state

WIDTH = 78   # of a container on one line; IPython breaks beyond it
ITEMS = 40
_SCALARS = frozenset((int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range))
_RICH = ("_repr_mimebundle_", "_repr_html_", "_repr_png_", "_repr_svg_", "_repr_jpeg_",
         "_repr_markdown_", "_repr_latex_", "_repr_json_", "_repr_javascript_", "_repr_pdf_",
         "_ipython_display_", "_repr_pretty_")
# What IPython's pretty printer has a printer of its own for, by module and name.
_SPECIAL = frozenset((
    ("builtins", "list"), ("builtins", "tuple"), ("builtins", "dict"), ("builtins", "set"),
    ("builtins", "frozenset"), ("builtins", "super"), ("builtins", "type"),
    ("builtins", "function"), ("builtins", "builtin_function_or_method"),
    ("builtins", "mappingproxy"), ("builtins", "BaseException"), ("re", "Pattern"),
    ("types", "SimpleNamespace"), ("os", "_Environ"), ("collections", "defaultdict"),
    ("collections", "OrderedDict"), ("collections", "deque"), ("collections", "Counter"),
    ("collections", "UserList")))
_RICH_MIME = {"_repr_html_": "text/html", "_repr_png_": "image/png", "_repr_svg_": "image/svg+xml",
              "_repr_jpeg_": "image/jpeg", "_repr_markdown_": "text/markdown",
              "_repr_latex_": "text/latex", "_repr_json_": "application/json",
              "_repr_javascript_": "application/javascript", "_repr_pdf_": "application/pdf"}


def _sorted(items):
    try:
        return sorted(items)
    except Exception:
        return sorted(items, key=str)


def small(value, depth=0):
    """The text of a scalar or a short container of scalars, as repr() and IPython both have it;
    None for anything else. Runs no user code."""
    kind = type(value)
    if kind in _SCALARS:
        return repr(value)
    if kind not in (list, tuple, dict, set, frozenset):
        return None
    if len(value) > ITEMS or depth > 3:
        return None
    if kind is dict:
        parts = []
        for k, v in value.items():
            k, v = small(k, depth + 1), small(v, depth + 1)
            if k is None or v is None:
                return None
            parts.append(k + ": " + v)
    else:
        parts = [small(v, depth + 1) for v in (_sorted(value) if kind in (set, frozenset) else value)]
        if None in parts:
            return None
    text = ", ".join(parts)
    if kind is list:
        text = "[" + text + "]"
    elif kind is dict:
        text = "{" + text + "}"
    elif kind is tuple:
        text = "(" + text + (",)" if len(parts) == 1 else ")")
    elif not parts:
        text = kind.__name__ + "()"
    else:
        text = "{" + text + "}" if kind is set else "frozenset({" + text + "})"
    return text if len(text) <= WIDTH else None


def _lines(text):
    return "\n".join(text.splitlines())


def own_text(value):
    """The text of an object that IPython would print by its own `__repr__`, or None. Runs user
    code."""
    kind = type(value)
    if isinstance(value, type):
        return None
    for name in _RICH:
        if getattr(kind, name, None) is not None or name in getattr(value, "__dict__", ()):
            return None
    for cls in kind.__mro__:
        if (cls.__module__, cls.__name__) in _SPECIAL:
            return None
        if cls is object:
            break
        if "__repr__" in cls.__dict__:
            return _lines(repr(value)) if callable(getattr(cls, "__repr__", None)) else None
    name = kind.__qualname__ if kind.__module__ in ("builtins", None) else (
        kind.__module__ + "." + kind.__qualname__)
    return "<%s at 0x%x>" % (name, id(value))


def fallback(value):
    """A bundle without IPython, for environments that have none."""
    data, metadata = {}, {}
    for name in _RICH[:-2]:
        method = getattr(type(value), name, None)
        if method is None or isinstance(value, type):
            continue
        try:
            form = method(value) if name != "_repr_mimebundle_" else method(value, include=None,
                                                                            exclude=None)
        except Exception as e:
            broken(name, e)
            continue
        if form is None:
            continue
        extra = None
        if isinstance(form, tuple) and len(form) == 2:
            form, extra = form
        if name == "_repr_mimebundle_":
            data.update(form)
            metadata.update(extra or {})
        else:
            data.setdefault(_RICH_MIME[name], form)
            if extra:
                metadata[_RICH_MIME[name]] = extra
    return {"text/plain": repr(value), **data}, metadata


def broken(name, exc):
    state.note("%s of the value raised %s; it was left out." % (name, type(exc).__name__))

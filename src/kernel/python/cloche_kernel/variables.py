"""What the session's variables are, for a list beside the code.

No code of the user's runs for it: only values whose type is exactly a builtin, numpy or pandas one
have a preview, made from what the type itself holds; others show their type.
"""
from cloche_kernel import BUILTINS as __builtins__

import sys
import types

from cloche_kernel import frames

NAMES = 500
WIDTH = 200
_SCALARS = frozenset((int, float, complex, bool, str, bytes, type(None), range))
_BRACKETS = {list: "[]", tuple: "()", set: "{}", frozenset: "{}"}
_type_name = type.__dict__["__name__"].__get__
_HIDDEN = (types.ModuleType,)


def _scalar(value):
    if type(value) is int and value.bit_length() > 2000:
        return "an integer of %d bits" % value.bit_length()
    if type(value) in (str, bytes) and len(value) > WIDTH:
        return repr(value[:WIDTH]) + "…"
    return repr(value)


def _preview(value, depth=0):
    kind = type(value)
    if kind in _SCALARS:
        return _scalar(value)
    if kind is dict:
        if depth > 2:
            return "{…}"
        parts = ["%s: %s" % (_preview(k, depth + 1), _preview(v, depth + 1))
                 for k, v in list(value.items())[:20]]
        return "{" + ", ".join(parts) + (", …}" if len(value) > 20 else "}")
    if kind in _BRACKETS:
        if depth > 2:
            return "…".join(_BRACKETS[kind])
        parts = [_preview(v, depth + 1) for v in list(value)[:20]]
        return _BRACKETS[kind][0] + ", ".join(parts) + (", …" if len(value) > 20 else "") + (
            _BRACKETS[kind][1])
    return "<%s>" % _type_name(kind)


def _dtype(dtype):
    """A dtype's name, without asking a class that a user may have written."""
    module = type(dtype).__module__
    if type(module) is str and module.startswith(("numpy.", "pandas.core.", "pandas.")):
        return str(dtype)
    return _type_name(type(dtype))


def _array(value):
    text = _dtype(value.dtype)
    if value.dtype.kind in "biufcSU" and value.dtype.names is None and value.size:
        few = value.reshape(-1)[:10].tolist() if value.flags.c_contiguous else []
        if few:
            text += " " + _preview(few)[:-1] + (", …]" if value.size > 10 else "]")
    return text


def _columns(frame):
    names = list(frame.columns[:20])
    parts = []
    for i, name in enumerate(names):
        shown = name if type(name) is str else _preview(name)
        parts.append("%s (%s)" % (shown, _dtype(frame.dtypes.iloc[i])))
    return ", ".join(parts) + (", …" if frame.shape[1] > len(names) else "")


def _known(kind, module, name):
    """The class `module.name`, if it has been imported, is exactly `kind`."""
    return kind is getattr(sys.modules.get(module), name, sys)


def _one(value):
    """(shape, preview) of a value."""
    kind = type(value)
    if kind in (list, tuple, dict, set, frozenset):
        return [len(value)], _preview(value)
    if kind in _SCALARS:
        return None, _scalar(value)
    if _known(kind, "numpy", "ndarray"):
        return list(value.shape), _array(value)
    if _known(kind, "pandas", "DataFrame"):
        return list(value.shape), _columns(value)
    if _known(kind, "pandas", "Series"):
        few = value.iloc[:10].tolist() if value.dtype.kind in "biufc" else None
        return list(value.shape), _dtype(value.dtype) + (" " + _preview(few) if few else "")
    if _known(kind, "pandas", "Index") or _known(kind, "pandas", "DatetimeIndex"):
        return [len(value)], _dtype(value.dtype)
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is getattr(numpy, _type_name(kind), None) and (
            numpy.generic in kind.__mro__):
        return None, _preview(value.item())
    return None, "<%s>" % _type_name(kind)


def listing(ns):
    """The `data` of a `variables` answer."""
    found = []
    for name, value in list(ns.items()):
        if type(name) is not str or name.startswith("_") or isinstance(value, _HIDDEN):
            continue
        if len(found) == NAMES:
            break
        try:
            shape, preview = _one(value)
        except Exception:
            shape, preview = None, ""
        preview = frames.clean(preview[:WIDTH] + ("…" if len(preview) > WIDTH else ""))
        kind = frames.clean(_type_name(type(value)), 100)
        found.append({"name": frames.clean(name, 100), "type": kind, "shape": shape,
                      "preview": preview})
    return found

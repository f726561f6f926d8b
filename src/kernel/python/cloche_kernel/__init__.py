"""The Python layer of a kernel: runs cells, shows values and figures, words errors.

Zygotes import it once (`boot`), kernels forked from them run it (`loop`). It stands between the C
extension `_cloche`, which owns descriptors, signals and frames, and code that may do anything to the
interpreter it shares with us. So every module here binds `__builtins__` to a private copy: user code
that replaces `len` or `print` changes its own world, not ours. Nothing here may be trusted by the
server, and nothing here needs to be: all it sends is read as hostile input.
"""
import builtins

BUILTINS = dict(vars(builtins))

"""Runs something of ours right after a certain module was first imported.

A finder that stands first and knows a handful of names; every other import costs it one dictionary
lookup. Modules that are in sys.modules already get their hook at once.
"""
from cloche_kernel import BUILTINS as __builtins__

import os
import sys

_hooks = {}
# Libraries that size their thread pools when they are loaded: one thread, unless asked otherwise.
_POOLED = frozenset(("numpy", "scipy", "sklearn", "torch", "numexpr", "xgboost", "lightgbm", "cv2"))
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class _OneThread:
    """While one of them loads, the C environment asks for one thread; os.environ never shows it."""

    depth, asked = 0, ()

    def __enter__(self):
        _OneThread.depth += 1
        if _OneThread.depth == 1:
            _OneThread.asked = [name for name in _THREADS if name not in os.environ]
            for name in _OneThread.asked:
                os.putenv(name, "1")

    def __exit__(self, *error):
        _OneThread.depth -= 1
        if _OneThread.depth == 0:
            for name in _OneThread.asked:
                os.unsetenv(name)


class _Nothing:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass


class Loader:
    """Stands in for a module's loader until the module has been run."""

    def __init__(self, real, hook, pooled):
        self.real, self.hook = real, hook
        self.around = _OneThread() if pooled else _Nothing()

    def __getattr__(self, name):
        return getattr(self.real, name)

    def create_module(self, spec):
        create = getattr(self.real, "create_module", None)
        if create is None:
            return None
        with self.around:
            return create(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.real
        with self.around:
            self.real.exec_module(module)
        if self.hook:
            self.hook(module)


class Watcher:
    @staticmethod
    def find_spec(name, path=None, target=None):
        pooled = name.partition(".")[0] in _POOLED
        if not pooled and name not in _hooks:
            return None
        hook = _hooks.pop(name, None)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not Watcher else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = Loader(spec.loader, hook, pooled)
                return spec
        if hook is not None:
            _hooks[name] = hook  # not there; it may be later
        return None


def after(name, hook):
    """Calls hook(module) when `name` has been imported."""
    module = sys.modules.get(name)
    if module is not None:
        hook(module)
    else:
        _hooks[name] = hook


def install():
    if Watcher not in sys.meta_path:
        sys.meta_path.insert(0, Watcher)

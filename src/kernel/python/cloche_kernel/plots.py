"""matplotlib's figures: every one is shown, whatever backend the code selected.

matplotlib-inline's behaviour (figures left open are shown at the end of the cell and closed; show()
shows and closes; images are cut tight to their content) without needing IPython, and for any backend:
Agg is common in model-written code, and the names of window systems, which are not here, mean Agg.
Costs nothing until matplotlib is imported.
"""
from cloche_kernel import BUILTINS as __builtins__

import io
import os
import sys

from cloche_kernel import frames, imports

_WINDOWED = frozenset((
    "tkagg", "tkcairo", "tk", "qtagg", "qtcairo", "qt", "qt4agg", "qt5agg", "qt5cairo", "qt6", "qt5",
    "gtk3agg", "gtk3cairo", "gtk3", "gtk4agg", "gtk4cairo", "gtk4", "gtk", "gtkagg", "macosx", "osx",
    "wxagg", "wxcairo", "wx", "nbagg", "notebook", "webagg", "ipympl", "widget", "inline", "auto",
    "module://ipympl.backend_nbagg", "module://matplotlib_inline.backend_inline",
    "module://ipykernel.pylab.backend_inline"))
_FALLBACK = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Symbols2", "Noto Sans Symbols",
             "Symbola", "Noto Emoji")


def _headless(backend):
    return "agg" if isinstance(backend, str) and backend.lower() in _WINDOWED else backend


def _gcf():
    module = sys.modules.get("matplotlib._pylab_helpers")
    return getattr(module, "Gcf", None)


def is_figure(value):
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def png(figure):
    """The figure as PNG, as Jupyter makes it; None if there is nothing on it."""
    if not figure.axes and not figure.lines:
        return None
    out = io.BytesIO()
    figure.canvas.print_figure(out, format="png", facecolor=figure.get_facecolor(),
                               edgecolor=figure.get_edgecolor(), dpi=figure.dpi, bbox_inches="tight")
    return out.getvalue()


def bundle(figure, shell=None):
    """(data, metadata). With a shell its formatters decide: the user may have asked for SVG."""
    mark(figure)
    if shell is not None and _configured:
        return shell.display_formatter.format(figure)
    data = {"text/plain": repr(figure)}
    image = png(figure)
    if image is not None:
        data["image/png"] = image
    return data, {}


def mark(figure):
    """It has been shown in this cell: the end of the cell must not show it again."""
    figure._cloche_shown = True


_shell = None
_configured = False


def show_open():
    """Shows all open figures, in order, and closes them."""
    gcf = _gcf()
    if gcf is None or not gcf.figs:
        return
    try:
        for manager in gcf.get_all_fig_managers():
            figure = manager.canvas.figure
            if not getattr(figure, "_cloche_shown", False):
                frames.show("display_data", *bundle(figure, _shell))
    finally:
        gcf.destroy_all()


def forget_open():
    gcf = _gcf()
    if gcf is not None and gcf.figs:
        gcf.destroy_all()


def _show(*args, **options):
    """Display all open figures."""
    show_open()


def _manager_show(manager, *args, **options):
    figure = manager.canvas.figure
    if not getattr(figure, "_cloche_shown", False):
        frames.show("display_data", *bundle(figure, _shell))


def _hook_matplotlib(matplotlib):
    params = matplotlib.rcParams
    asked = os.environ.get("MPLBACKEND")
    if not asked or _headless(asked) != asked:
        params["backend"] = "agg"
    real = matplotlib.use

    def use(backend, *args, **options):
        return real(_headless(backend), *args, **options)

    use.__doc__ = real.__doc__
    matplotlib.use = use


def _hook_bases(bases):
    bases.FigureManagerBase.show = _manager_show


def _hook_pyplot(pyplot):
    real = pyplot.switch_backend

    def switch_backend(newbackend):
        return real(_headless(newbackend))

    switch_backend.__doc__ = real.__doc__
    pyplot.switch_backend = switch_backend
    pyplot.show = _show
    if _shell is not None:
        configure(_shell)


def _hook_fonts(fonts):
    """Characters that the chosen font lacks (Chinese, Japanese, Korean, symbols) are taken from the
    fonts that have them, whatever families the code or a style sets."""
    manager = fonts.fontManager
    names = {entry.name for entry in manager.ttflist}
    families = [name for name in _FALLBACK if name in names]
    find = getattr(manager, "_find_fonts_by_props", None)
    if not families or find is None:
        return
    paths = []

    def find_with_fallback(prop, *args, **options):
        if not paths:
            paths.extend(manager.findfont(fonts.FontProperties(family=name)) for name in families)
        found = find(prop, *args, **options)
        return found + [path for path in paths if path not in found]

    manager._find_fonts_by_props = find_with_fallback
    # Fallback fonts have one weight, and every bold title would say so on standard error.
    fonts._log.addFilter(lambda record: not (
        "Failed to find font weight" in str(record.msg) and len(record.args) == 3 and record.args[1] in _FALLBACK))


def configure(shell):
    """Lets `%config InlineBackend.…` and set_matplotlib_formats() work in `shell`."""
    global _shell, _configured
    _shell = shell
    if _configured or "matplotlib.pyplot" not in sys.modules:
        return
    try:
        from IPython.core.pylabtools import select_figure_formats
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    config = InlineBackend.instance(parent=shell)
    config.shell = shell
    if config not in shell.configurables:
        shell.configurables.append(config)
    select_figure_formats(shell, config.figure_formats, **config.print_figure_kwargs)
    _configured = True


def install():
    imports.after("matplotlib", _hook_matplotlib)
    imports.after("matplotlib.backend_bases", _hook_bases)
    imports.after("matplotlib.font_manager", _hook_fonts)
    imports.after("matplotlib.pyplot", _hook_pyplot)


def before_freeze():
    """A zygote keeps no figure, and no font file open: a hook of matplotlib's closes those in every
    child, by numbers that are something else there."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
    fonts = sys.modules.get("matplotlib.font_manager")
    clear = getattr(getattr(fonts, "_get_font", None), "cache_clear", None)
    if clear is not None:
        clear()

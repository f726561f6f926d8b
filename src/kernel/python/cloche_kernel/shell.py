"""IPython, without its own engine: syntax, magics, formatters and display() for `runner`.

The shell never runs a cell itself: run_cell() goes to the runner, tracebacks and output do too. There
is no terminal, so `!command` and `%%bash` are plain subprocesses that write to descriptors 1 and 2,
help is printed, and no history file, profile folder or thread is made. Imported once in zygotes that
have it, or by the first cell that needs it.
"""
from cloche_kernel import BUILTINS as __builtins__

import atexit
import os
import subprocess
import sys
import types

from cloche_kernel import display, frames, plots, streams
from cloche_kernel.state import state


def _without_terminal():
    """Imports IPython without its terminal application and without jedi, which nothing here uses."""
    stand_in = types.ModuleType("IPython.terminal.embed")

    def embed(*args, **options):
        raise RuntimeError("embed() needs a terminal")

    stand_in.embed = embed
    hidden = {"IPython.terminal.embed": stand_in, "jedi": None}
    if "IPython" in sys.modules:
        hidden = {}
    hidden = {name: module for name, module in hidden.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        import IPython.core.interactiveshell
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
    return IPython


IPython = _without_terminal()

from IPython.core import interactiveshell, page  # noqa: E402
from IPython.core.displaypub import DisplayPublisher  # noqa: E402
from IPython.core.formatters import DisplayFormatter  # noqa: E402
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell  # noqa: E402
from IPython.core.magic import Magics, cell_magic, magics_class  # noqa: E402
from IPython.core.profiledir import ProfileDir  # noqa: E402
from IPython.core.magics.script import script_args  # noqa: E402
from IPython.core.magic_arguments import magic_arguments  # noqa: E402
from traitlets import observe  # noqa: E402
from traitlets.config import Config  # noqa: E402

PROFILE = "/tmp/.ipython"


class Profile(ProfileDir):
    """A profile folder that is named but never made."""

    @observe("location")
    def _location_changed(self, change):
        pass


class Database(dict):
    """What %store and aliases keep, in memory."""

    def __init__(self, path=None):
        super().__init__()

    def keys(self, glob=None):
        return list(super().keys())


class Publisher(DisplayPublisher):
    """display() and everything that publishes: as frames."""

    def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **options):
        frames.show("display_data", data, metadata, (transient or {}).get("display_id"), update)

    def clear_output(self, wait=False):
        frames.clear(wait)


class Formatter(DisplayFormatter):
    def format(self, obj, include=None, exclude=None):
        if plots.is_figure(obj):
            plots.mark(obj)
        return super().format(obj, include=include, exclude=exclude)


@magics_class
class Scripts(Magics):
    """%%bash and its like, without IPython's event loop and thread."""

    @magic_arguments()
    @script_args
    @cell_magic("script")
    def shebang(self, line, cell):
        """%%script PROGRAM: run the cell with a program, like the #! line of a script."""
        args, command = self.shebang.parser.parse_known_args(_split(line))
        return self._run(args, command, cell)

    def _run(self, args, command, cell):
        if not cell.endswith("\n"):
            cell += "\n"
        data = cell.encode("utf-8", "replace")
        try:
            if args.bg:
                return self._background(args, command, data)
            code, out, err = _subprocess(command, data=data, out=args.out, err=args.err)
        except FileNotFoundError:
            print("Couldn't find program: %r" % command[0])
            return
        for name, text in ((args.out, out), (args.err, err)):
            if name:
                self.shell.user_ns[name] = text
        if args.raise_error and code != 0:
            raise subprocess.CalledProcessError(code, command)

    def _background(self, args, command, data):
        p = subprocess.Popen(command, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE if args.out else None,
                             stderr=subprocess.PIPE if args.err else None)
        p.stdin.write(data)
        p.stdin.close()
        for name, value in ((args.proc, p), (args.out, p.stdout), (args.err, p.stderr)):
            if name:
                self.shell.user_ns[name] = value


def _subprocess(command, data=None, out=None, err=None, **options):
    """(exit code, out, err) of a program. It writes straight to descriptors 1 and 2, unless its
    output is wanted or sys.stdout is not ours: somebody captures."""
    to_out, to_err = sys.stdout is not streams.out, sys.stderr is not streams.err
    pipe = subprocess.PIPE
    streams.before_subprocess()
    p = subprocess.Popen(command, stdin=None if data is None else pipe,
                         stdout=pipe if out or to_out else None,
                         stderr=pipe if err or to_err else None, **options)
    with p:
        try:
            said = p.communicate(data)
        except BaseException:
            p.kill()
            raise
        finally:
            streams.after_subprocess()
    said = [b"" if text is None else text for text in said]
    said = [text.decode("utf-8", "replace") for text in said]
    if to_out and not out:
        sys.stdout.write(said[0])
    if to_err and not err:
        sys.stderr.write(said[1])
    return p.returncode, said[0], said[1]


def _split(line):
    from IPython.utils.process import arg_split
    return arg_split(line, posix=True)


def _script_magic(name):
    @magic_arguments()
    @script_args
    def run(line, cell):
        return Shell.instance().scripts.shebang(name + " " + line if line else name, cell)

    run.__doc__ = "%%%%%s: run the cell with %s in a subprocess." % (name, name)
    return run


class Shell(InteractiveShell):
    """IPython's shell as the runner uses it."""

    def __init__(self, runner, **options):
        self.runner = runner
        self._failures = None
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.cache_size = 0
        config.InteractiveShell.history_length = 0
        config.InteractiveShell.history_load_length = 0
        config.InteractiveShell.colors = "nocolor" if IPython.version_info[0] >= 9 else "NoColor"
        config.InteractiveShell.autoindent = False
        config.InteractiveShell.display_page = False
        interactiveshell.PickleShareDB = Database
        main = sys.modules["__main__"]
        super().__init__(config=config, ipython_dir=PROFILE, profile_dir=Profile(location=PROFILE),
                         user_module=main, user_ns=runner.ns, **options)
        atexit.unregister(self.atexit_operations)
        InteractiveShell._instance = Shell._instance = self
        runner.shell = self
        self._share_history()
        self._plain = self.display_formatter.formatters["text/plain"]
        self._printers = dict(self._plain.type_printers)
        self._transforms = self._transform_lists()
        del self.events.callbacks["pre_execute"][:]  # the runner does it
        self._callbacks = self.events.callbacks
        plots.configure(self)

    # ---- what a kernel has no use for ----------------------------------------------------------

    def init_ipython_dir(self, ipython_dir):
        pass

    def init_environment(self):
        pass

    def init_virtualenv(self):
        pass

    def init_sys_modules(self):
        pass

    def init_user_ns(self):
        pass

    def init_io(self):
        pass

    def init_display_formatter(self):
        self.display_formatter = Formatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_display_pub(self):
        self.display_pub = Publisher(parent=self, shell=self)
        self.configurables.append(self.display_pub)

    def init_magics(self):
        super().init_magics()
        self.scripts = Scripts(shell=self)
        self.register_magics(self.scripts)
        for name in ("sh", "bash", "perl", "ruby", "python", "python3"):
            self.register_magic_function(_script_magic(name), "cell", name)

    def init_hooks(self):
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(_print_page), 0)

    def enable_gui(self, gui=None):
        pass

    def enable_matplotlib(self, gui=None):
        plots.configure(self)
        return "inline", "agg"

    def ask_exit(self):
        raise SystemExit

    def _share_history(self):
        history = self.history_manager
        try:
            history.input_hist_parsed = history.input_hist_raw = self.runner.inputs
        except Exception:
            pass

    # ---- called by the runner ------------------------------------------------------------------

    def before_cell(self, source):
        self.execution_count = state.count
        callbacks = self._callbacks
        if callbacks["pre_execute"]:
            self.events.trigger("pre_execute")
        if callbacks["pre_run_cell"]:
            self.events.trigger("pre_run_cell", _info(source))

    def after_cell(self):
        callbacks = self._callbacks
        if callbacks["post_execute"]:
            self.events.trigger("post_execute")
        if callbacks["post_run_cell"]:
            result = ExecutionResult(_info(""))
            result.execution_count = state.count
            self.events.trigger("post_run_cell", result)

    def _transform_lists(self):
        manager = self.input_transformer_manager
        return (list(manager.cleanup_transforms), list(manager.line_transforms),
                list(manager.token_transformers), list(self.input_transformers_post))

    def transforms(self):
        """Has someone registered transformers, so that plain Python is to be translated too?"""
        manager, known = self.input_transformer_manager, self._transforms
        return (len(manager.cleanup_transforms) != len(known[0])
                or len(manager.line_transforms) != len(known[1])
                or len(manager.token_transformers) != len(known[2])
                or bool(self.input_transformers_post))

    @property
    def formats_scalars(self):
        """Has someone given numbers, strings or containers a printer of their own?"""
        printers, known = self._plain.type_printers, self._printers
        return (printers.get(float) is not known.get(float)
                or printers.get(int) is not known.get(int)
                or printers.get(str) is not known.get(str)
                or self._plain.float_format != "%r" or not self._plain.pprint)

    def format(self, value):
        """(data, metadata) of a value. A broken `_repr_html_` costs that form and makes a note; a
        broken `__repr__` is the code's error."""
        self._failures = failures = []
        try:
            data, metadata = self.display_formatter.format(value)
        finally:
            self._failures = None
        for exc in failures:
            tb, names = exc.__traceback__, []
            while tb is not None:
                names.append(tb.tb_frame.f_code.co_name)
                tb = tb.tb_next
            rich = [n for n in names if n in display._RICH]
            if not rich or rich[0] == "_repr_pretty_":
                raise exc
            display.broken(rich[0], exc)
        return data, metadata

    # ---- called by IPython ---------------------------------------------------------------------

    def run_cell(self, raw_cell, store_history=False, silent=False, shell_futures=True, cell_id=None):
        result = ExecutionResult(_info(raw_cell))
        result.execution_count = state.count
        error = self.runner.nest(raw_cell, silent)
        if error is not None:
            result.error_in_exec = error
            if not silent:
                state.failed = state.failed or error
        return result

    def showtraceback(self, exc_tuple=None, *args, **options):
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if error is None:
            return
        if self._failures is not None:
            self._failures.append(error)
        else:
            state.failed = state.failed or error

    def showsyntaxerror(self, *args, **options):
        self.showtraceback()

    showindentationerror = showsyntaxerror

    def _showtraceback(self, etype, evalue, stb):
        sys.stderr.write(self.InteractiveTB.stb2text(stb) + "\n")

    def system(self, command):
        """!command: its output goes where ours goes, in order."""
        command = self.var_expand(command, depth=1)
        code = _subprocess(command, shell=True, executable=_sh())[0]
        self.user_ns["_exit_code"] = -code if code < 0 else code

    system_piped = system_raw = system


def _sh():
    return "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"


def _info(source):
    try:
        return ExecutionInfo(source, False, False, True, None)
    except TypeError:
        return ExecutionInfo(source, False, False, True)


def _print_page(data, start=0, screen_lines=0, pager_cmd=None):
    if isinstance(data, dict):
        data = data.get("text/plain", "")
    print(data.rstrip("\n"))

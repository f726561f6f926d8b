"""Last step of `cloche env build`, run by the new environment's own interpreter.

Prints one line of JSON on descriptor 3: the interpreter's version, what is installed, and the
names that `import` finds. With `--warm-up FILE` it first runs FILE, once and then its `rehearse()`
as a pooled kernel would, and reports what that left behind: a thread, child, socket or epoll of a
zygote would be lost or shared by every kernel forked from it.
"""

import builtins
import json
import os
import sys

MUST_NOT_REMAIN = ("socket:", "anon_inode:[eventpoll]", "anon_inode:[io_uring]", "anon_inode:inotify")


def threads():
    """Names of this process's threads but the first."""
    names = []
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as comm:
                names.append(comm.read().strip())
    return names


def children():
    """Names of the processes that this one started and that are still there, dead ones included.

    The build's own pid namespace holds its pid 1, this process, and what the warm-up started: so
    a daemon that cut itself loose is seen as well.
    """
    names = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                name, _, rest = stat.read().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it ended while we looked
        parent = int(rest.split()[1])
        if int(pid) != os.getpid() and (parent == os.getpid() or os.getppid() == parent == 1):
            names.append(name)
    return names


def descriptors():
    """Open descriptors that a fork must not share, as /proc names them."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the listing's own
        if target.startswith(MUST_NOT_REMAIN):
            found.append(target)
    return found


def left_behind():
    return {
        kind: found
        for kind, found in (
            ("thread", threads()), ("child", children()), ("descriptor", descriptors()))
        if found
    }


class Watch:
    """Names the module whose import was the first to leave something behind, or to fail.

    Stands in for `__import__` and looks before and after each module's import. A library may start
    its thread a moment later than its code runs, so the culprit is told with the packages that were
    being imported around it: "pandas > pyarrow > cloudpickle".
    """

    def __init__(self):
        self.before = left_behind()
        self.original = builtins.__import__
        self.importing = []
        self.culprit = None
        self.failed = None
        builtins.__import__ = self.watched_import

    def end(self):
        builtins.__import__ = self.original

    def look(self):
        if self.culprit is None and left_behind() != self.before:
            self.culprit = self.chain()

    def chain(self):
        if not self.importing:
            return "the warm-up itself"
        packages = dict.fromkeys(name.partition(".")[0] for name in self.importing)
        return " > ".join(list(packages)[-4:])

    def watched_import(self, name, globals=None, locals=None, fromlist=(), level=0):
        whole = self.whole_name(name, globals, level)
        known = len(sys.modules)
        if whole not in sys.modules:
            self.look()
        self.importing.append(whole)
        try:
            return self.original(name, globals, locals, fromlist, level)
        except BaseException as error:
            if self.failed is None or self.failed[0] is not error:
                self.failed = (error, whole)
            raise
        finally:
            if len(sys.modules) != known:
                self.look()
            self.importing.pop()

    @staticmethod
    def whole_name(name, globals, level):
        if level == 0:
            return name
        package = (globals or {}).get("__package__") or ""
        parents = package.split(".")[:len(package.split(".")) - level + 1]
        return ".".join(parents + ([name] if name else []))


def warm_up(path):
    """Runs the warm-up at `path` as a zygote does; returns what is wrong with it, or None."""
    watch = Watch()
    namespace = {"__name__": "cloche_warmup", "__file__": path}
    try:
        with open(path, encoding="utf-8") as source:
            code = compile(source.read(), path, "exec")
        exec(code, namespace)
        if callable(namespace.get("rehearse")):
            namespace["rehearse"]()
    except BaseException as error:  # whatever it raises, it failed
        module = watch.failed[1] if watch.failed and watch.failed[0] is error else ""
        return {"module": module, "error": f"{type(error).__name__}: {error}"}
    finally:
        watch.end()
    left = left_behind()
    if left:
        return {"module": watch.culprit or "the warm-up itself", "left": left}
    return None


def packages():
    """Every distribution the interpreter sees: {name: version}."""
    from importlib import metadata

    found = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name and name.lower() not in ("pip", "setuptools"):
            found.setdefault(name, distribution.version)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def imports():
    """Top-level names that `import` finds in the directories for packages."""
    import importlib.machinery

    suffixes = importlib.machinery.all_suffixes()
    names = set()
    for folder in dict.fromkeys(p for p in sys.path if os.path.basename(p).endswith("-packages")):
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            name = entry.name
            if entry.is_dir():
                if not (os.path.exists(os.path.join(entry.path, "__init__.py"))
                        or holds_modules(entry.path, suffixes)):
                    continue
            else:
                suffix = next((s for s in suffixes if name.endswith(s)), None)
                if suffix is None:
                    continue
                name = name[:-len(suffix)]
            if name.isidentifier():
                names.add(name)
    return sorted(names - {"__pycache__", "pip", "setuptools", "pkg_resources", "_distutils_hack"})


def holds_modules(folder, suffixes):
    """Is this a namespace package? One without __init__.py, with modules or packages inside."""
    for entry in os.scandir(folder):
        if entry.is_file() and entry.name.endswith(tuple(suffixes)):
            return True
        if entry.is_dir() and os.path.exists(os.path.join(entry.path, "__init__.py")):
            return True
    return False


def main():
    report = {"python_version": "%d.%d.%d" % sys.version_info[:3]}
    report["packages"] = packages()
    report["imports"] = imports()
    if len(sys.argv) == 3 and sys.argv[1] == "--warm-up":
        report["wrong"] = warm_up(sys.argv[2])
    with open(3, "w", encoding="utf-8") as out:
        out.write(json.dumps(report) + "\n")


main()

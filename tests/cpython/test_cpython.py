"""CPython's own regression tests, by a user of the host and by a session: they differ only as differences.txt says.

For `make check-full`, a tier of its own: `tools/check cpython`. A test of CPython's that depends on time may fail on a
busy machine, on either side: what is not as it should be is tried again, and counts if it is never.
"""
import os
import re
from pathlib import Path

import pytest

import sides
from support.server import Server

pytestmark = [pytest.mark.limits, pytest.mark.timeout(3600)]
TRIES = 3
AT_ONCE = 3
DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"


def rows():
    return {name: pair for names in sides.expected().values() for name, pair in names.items()}


@pytest.fixture(scope="module")
def found(request, cloche, tmp_path_factory):
    """{module: {name: message}} of what differs otherwise than the table says, every time; of the chosen modules."""
    assert (Path(os.__file__).parent / "test" / "test_os.py").exists(), \
        "CPython's tests are not installed: tools/setup cpython"
    chosen = {item.callspec.params["module"] for item in request.session.items if hasattr(item, "callspec")}
    modules = [module for module in sides.listed() if module in chosen]
    folder = tmp_path_factory.mktemp("cpython")
    (folder / "environments").mkdir()
    table, wrong = rows(), {}
    with Server(cloche, folder / "state", folder / "environments", *sides.SERVER_FLAGS) as server:
        for attempt in range(TRIES):
            outside, inside = sides.run_both(server, modules, AT_ONCE if attempt == 0 else 1)
            for module in modules:
                now = sides.violations(module, outside[module], inside[module], table)
                wrong[module] = {name: now[name] for name in now if attempt == 0 or name in wrong[module]}
            if attempt == 0:
                report(outside, inside)
            modules = [module for module in modules if wrong[module]]
            if not modules:
                break
            print(f"tried again: {' '.join(modules)}")
    return wrong


def report(outside, inside):
    """For docs/sandbox.md: what was compared."""
    for side, results in (("outside", outside), ("inside", inside)):
        counts = [outcome for result in results.values() for outcome, _ in result["cases"].values()]
        slowest = sorted(results, key=lambda module: -results[module]["seconds"])[:8]
        print(f"{side}: {len(results)} modules, {len(counts)} tests, {counts.count('failed')} failed, "
              f"{counts.count('skipped')} skipped; longest " +
              ", ".join(f"{module} {results[module]['seconds']} s" for module in slowest))


@pytest.mark.parametrize("module", sides.listed())
def test_differs_as_expected(found, module):
    assert not found[module], "\n".join(found[module].values())


def test_every_row_is_of_a_listed_module():
    strays = [row for row in rows() if not any(sides.belongs(row, module) for module in sides.listed())]
    assert not strays


def test_the_document_explains_every_difference():
    """docs/sandbox.md has a row for each heading of the table, with the number of its tests."""
    section = DOCUMENT.read_text().split("## CPython's own tests")[1].split("\n## ")[0]
    documented = {heading: int(count) for heading, count in re.findall(r"^\| ([^|]+?) \| (\d+) \|", section, re.M)}
    assert documented == {heading: len(names) for heading, names in sides.expected().items()}

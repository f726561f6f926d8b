"""Documents that say what the program says, and links that lead somewhere."""
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for pattern in ("*.md", "docs/**/*.md", "environments/*.md", "attacks/*.md", "bench/*.md")
               for path in ROOT.glob(pattern))


def test_settings_page_is_the_table(cloche):
    written = subprocess.run([cloche, "__settings-doc"], check=True, capture_output=True, text=True).stdout
    assert (ROOT / "docs/settings.md").read_text() == written, "write it anew: build/cloche __settings-doc >docs/settings.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_make_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split()
    documented = re.findall(r"^([a-z-]+):.*## ", makefile, re.M)
    assert sorted(phony) == sorted(documented)


def test_manual_names_every_command(cloche):
    told = subprocess.run([cloche, "--help"], capture_output=True, text=True).stdout
    manual = (ROOT / "docs/cloche.1").read_text()
    commands = re.findall(r"^  ([a-z]+)  ", told, re.M)
    assert commands
    for command in commands:
        assert f".Cm {command}" in manual, command

"""An environment is built while one watches: a real one, small, from the package index."""
import re

import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, container_of, python

BUILD_MS = 240_000  # pip, compiling, a warm-up: some seconds, on a machine with nothing else to do


@pytest.mark.timeout(600)
def test_a_build_shows_its_progress(open_page, fresh_server):
    server = fresh_server("--default-environment", "base")
    page = open_page(origin=server.url)
    page.watched.expected += ["400"]  # the console's word for what is refused

    def opened():
        page.get_by_role("button", name="Environment").click()
        page.get_by_role("menuitemradio", name="Build one").click()
        return page.get_by_role("dialog", name="Build an environment")

    # what the server refuses and what pip does not find are said, and the form is the reader's again
    form = opened()
    name, packages, begin = form.get_by_label("Name"), form.get_by_label("Packages"), form.locator("[type=submit]")
    name.fill("No Name")
    begin.click()
    assert name.evaluate("field => field.validity.patternMismatch")
    name.fill("tiny")
    packages.fill("peppercorn\n-r /etc/passwd")
    begin.click()
    expect(form.get_by_role("alert")).to_contain_text("It was not built: Invalid 'requirements[1]'")
    packages.fill("peppercorn==999.999")
    begin.click()
    expect(begin).to_be_disabled()
    expect(form.get_by_role("alert")).to_have_count(0)
    progress = form.get_by_role("log", name="Progress")
    expect(progress).to_contain_text("No matching distribution found for peppercorn==999.999", timeout=BUILD_MS)
    expect(form.get_by_role("alert")).to_contain_text("It was not built:")
    expect(begin).to_be_enabled()

    # each phase is shown as it comes, the newest in sight
    packages.fill("peppercorn")
    begin.click()
    expect(begin).to_have_text("Building …")
    expect(progress).to_contain_text("collecting, peppercorn", timeout=BUILD_MS)
    expect(progress).not_to_contain_text("999.999")

    # it goes on while the dialog is shut, and is found there again
    form.get_by_role("button", name="Close").click()
    expect(form).to_have_count(0)
    opened()
    expect(progress).to_contain_text("collecting, peppercorn")
    expect(begin).to_be_disabled()
    expect(progress).to_contain_text(re.compile(r"installing, \d+ of \d+"), timeout=BUILD_MS)
    expect(form.get_by_role("status")).to_have_text("It is built. New sessions use it.", timeout=BUILD_MS)
    lines = progress.inner_text().splitlines()
    assert lines[-1].startswith("built: ") and len(lines) > 5, lines
    assert all(line != before for line, before in zip(lines[1:], lines)), lines
    at_end = progress.evaluate("""log => {
        const range = document.createRange(), text = document.createTreeWalker(log, NodeFilter.SHOW_TEXT).nextNode()
        range.setStart(text, text.length - 3); range.setEnd(text, text.length)
        return range.getBoundingClientRect().bottom <= log.getBoundingClientRect().bottom
    }""")
    assert at_end
    form.get_by_role("button", name="Close").click()

    # and new sessions have it
    expect(page.locator(".picker__value").first).to_have_text("tiny")
    ask(page, python("import peppercorn\nprint(peppercorn.__name__)"))
    answered(page)
    expect(page.locator(".cell .output--text")).to_have_text("peppercorn")
    with server.client() as client:
        assert client.get(f"/v1/containers/{container_of(page)}").json()["environment"] == "tiny"
        assert [e["name"] for e in client.get("/v1/environments").json()["data"]] == ["base", "tiny"]

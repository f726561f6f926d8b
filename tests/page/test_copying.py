"""What Copy copies: from this machine, and over plain HTTP from another, where browsers have no navigator.clipboard."""
import json
import subprocess

import pytest
from playwright.sync_api import expect

from support import machine
from support.on_page import answered, ask, python

TABLE = "from IPython.display import HTML\nHTML('<table class=\"dataframe\"><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>0</th><td>1</td></tr></tbody></table>')"
FIGURE = ("import base64\nclass P:\n    def _repr_png_(self): return base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
          "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')\nP()")


@pytest.mark.parametrize("host", ["127.0.0.1", "cloche.test"])
def test_text_is_copied(open_page, fresh_server, host):
    server = fresh_server("--default-environment", "base", "--host", "cloche.test")
    made = subprocess.run([str(server.cloche), "key", "create", "--name", "page", "--state", str(server.state), "--json"],
                          capture_output=True, text=True, timeout=30, check=True)
    page = open_page(origin=server.url.replace("127.0.0.1", host))
    page.watched.expected += ["401", "Cross-Origin-Opener-Policy"]
    page.get_by_label("Key").fill(json.loads(made.stdout)["key"])
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".first__sentence")).to_be_visible()
    here = host != "cloche.test"
    assert page.evaluate("[isSecureContext, Boolean(navigator.clipboard)]") == [here, here]

    def pasted():
        """What lies on the clipboard, as a person gets it."""
        page.evaluate("() => { const area = document.createElement('textarea'); area.id = 'scratch'; document.body.append(area); area.focus() }")
        page.keyboard.press("Control+V")
        return page.evaluate("() => { const area = document.getElementById('scratch'); area.remove(); return area.value }")

    def copies(button, text):
        button.click()
        expect(button).to_be_focused()
        expect(page.locator(".root > [role=status]")).to_contain_text("It is copied.")
        machine.wait_until(lambda: pasted() == text, seconds=2, what=f"a clipboard with {text!r}")
        assert page.locator("body > textarea").count() == 0

    ask(page, python(TABLE))
    answered(page)
    copies(page.get_by_role("button", name="Copy the table"), "\ta\n0\t1")
    link = page.locator(".bar__end .icon-button").first
    link.click()
    expect(link).to_have_attribute("aria-label", "Copied")
    machine.wait_until(lambda: pasted() == page.url, seconds=2, what="a clipboard with the link")

    ask(page, python(FIGURE))
    answered(page, 2)
    page.get_by_role("button", name="Copy the figure").click()
    if here:
        expect(page.locator(".root > [role=status]")).to_contain_text("The figure is copied.")
    else:
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("The figure was not copied: over plain HTTP")
        alert.get_by_role("button", name="Close").click()

    page.locator(".segmented__part", has_text="Notebook").click()
    cell = page.locator(".cell--editable").first
    cell.locator("textarea").focus()
    copies(cell.get_by_role("button", name="Copy the cell"), TABLE + "\n")
    page.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Text").click()
    page.keyboard.type("first\nsecond é😀")
    page.keyboard.press("Shift+Enter")
    note = page.get_by_role("group", name="Note of your own")
    expect(note).to_be_focused()
    copies(note.get_by_role("button", name="Copy the note"), "first\nsecond é😀")

    # a browser that refuses is not said to have copied
    page.evaluate("() => { document.execCommand = () => false; if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(new Error('no.')) }")
    note.focus()
    note.get_by_role("button", name="Copy the note").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was copied: ")

"""A notebook is arranged: cells between cells, notes, what comes after what; this browser keeps it."""
import re

import nbformat
from playwright.sync_api import expect

from support import machine
from support.on_page import answered, ask, python


def test_a_notebook_is_arranged(page):
    ask(page, python("base = 20\nprint('first', base)"))
    answered(page)
    ask(page, python("print('last', base)"))
    answered(page, 2)
    page.locator(".segmented__part", has_text="Notebook").click()
    cells, outputs = page.locator(".cell--editable"), page.locator(".output--text")
    expect(outputs).to_have_text(["first 20", "last 20"])

    # a cell between two others runs in the same session and stays there
    cells.first.locator("textarea").focus()
    place = page.locator(".place", has=page.locator(".output--text", has_text="first"))
    place.locator(".insert").get_by_role("button", name="Code").click()
    expect(cells.nth(1).locator("textarea")).to_be_focused()
    page.keyboard.type("base += 1; print('between', base)")
    page.keyboard.press("Shift+Enter")
    expect(outputs).to_have_text(["first 20", "between 21", "last 20"])

    # run a second time it stays there, too
    cells.nth(1).locator("textarea").press("Control+Enter")
    expect(cells.nth(1).locator(".cell__count")).to_contain_text(re.compile(r"^\[4\]"))
    expect(outputs).to_have_text(["first 20", "between 22", "last 20"])

    # a note is written in markdown and read as what it means
    page.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Text").click()
    page.keyboard.type("A **note** with <script>text</script>")
    page.keyboard.press("Shift+Enter")
    note = page.get_by_role("group", name="Note of your own")
    expect(note).to_be_focused()
    expect(note.locator("strong")).to_have_text("note")
    expect(note).to_contain_text("<script>text</script>")

    def shown():
        return page.evaluate("() => [...document.querySelectorAll('.output--text, .note--own')].map((e) => e.matches('.note--own') ? 'note' : e.textContent)")

    def push(button, wanted):
        """Presses it until things stand as wanted: questions and answers lie between the cells, too."""
        for _ in range(10):
            if shown() == wanted:
                return
            before = page.evaluate("window.before = [...document.querySelectorAll('.place')].map((e) => e.id).join()")
            button.click()
            machine.wait_until(lambda: page.evaluate("[...document.querySelectorAll('.place')].map((e) => e.id).join() !== window.before"))
            expect(button).to_be_focused()
        assert shown() == wanted, before

    assert shown() == ["first 20", "between 22", "last 20", "note"]
    push(note.get_by_role("button", name="Move the note up"), ["first 20", "between 22", "note", "last 20"])
    cells.nth(1).locator("textarea").focus()
    moved = page.locator(".place", has=page.locator(".output--text", has_text="between"))
    push(moved.get_by_role("button", name="Move the cell down"), ["first 20", "note", "between 22", "last 20"])
    page.reload()
    expect(outputs).to_have_text(["first 20", "between 22", "last 20"])
    expect(note).to_be_visible()
    assert shown() == ["first 20", "note", "between 22", "last 20"]

    # run all goes from above to below, in a new kernel
    page.get_by_role("button", name="Restart and run all").click()
    expect(cells.locator(".cell__count").nth(2)).to_contain_text(re.compile(r"^\[7\]"))
    expect(outputs).to_have_text(["first 20", "between 21", "last 21"])

    # what is hidden keeps its place while others move
    def hide(cell):
        cell.locator("textarea").focus()
        cell.get_by_role("button", name="Hide the cell").click()

    hide(cells.nth(1))
    expect(outputs).to_have_text(["first 20", "last 21"])
    page.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Text").click()
    page.get_by_label("Text of the note").fill("Being written")
    page.reload()  # and what was being written is there
    expect(page.get_by_role("group", name="Note of your own")).to_have_count(2)
    written = note.filter(has_text="Being written")
    written.focus()
    written.get_by_role("button", name="Delete the note").click()
    expect(note).to_have_count(1)
    page.get_by_role("button", name="Show 1 hidden cell").click()
    expect(outputs).to_have_text(["first 20", "between 21", "last 21"])

    note.dblclick()
    page.get_by_label("Text of the note").fill("Another one")
    page.get_by_label("Text of the note").press("Escape")
    expect(note).to_have_text(re.compile("^Another one"))
    note.get_by_role("button", name="Delete the note").click()
    expect(note).to_have_count(0)

    # another tab writes beside this one; what is deleted leaves nothing behind
    other = page.context.new_page()
    other.goto(page.url)
    for tab, text in ((other, "of the other"), (page, "of this one")):
        tab.bring_to_front()
        tab.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Text").click()
        tab.get_by_label("Text of the note").fill(text)
        tab.get_by_label("Text of the note").press("Shift+Enter")
    for tab in (page, other):
        notes = tab.get_by_role("group", name="Note of your own")
        expect(notes).to_have_count(2)
        expect(notes.filter(has_text="of the other")).to_be_visible()
        expect(notes.filter(has_text="of this one")).to_be_visible()
    other.close()
    page.bring_to_front()
    kept = "Object.keys(localStorage).filter((key) => key.startsWith('cloche.notebook.')).length"
    assert page.evaluate(kept) == 1
    page.locator(".item[data-current] .item__more").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".first__sentence")).to_be_visible()
    assert page.evaluate(kept) == 0


def exported(page, label):
    """What the notebook's own menu hands out, as text."""
    page.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name=label).click()
    return open(waiting.value.path(), encoding="utf-8").read()


def test_what_is_exported_is_what_is_shown(page):
    """Questions, answers, notes and cells, each in its place; what is hidden is left out."""
    ask(page, python("print('first')"))
    answered(page)
    ask(page, python("1 / 0"))
    answered(page, 2)
    page.locator(".segmented__part", has_text="Notebook").click()
    place = page.locator(".place", has=page.locator(".output--text", has_text="first"))
    place.locator("textarea").focus()
    place.locator(".insert").get_by_role("button", name="Text").click()
    page.keyboard.type("# Of mine\nimport **this**")
    page.keyboard.press("Shift+Enter")
    note = page.get_by_role("group", name="Note of your own")
    expect(note.locator("strong")).to_have_text("this")
    draft = page.get_by_label("Code of a new cell").last
    draft.fill("print('by hand', 6 * 7)")
    draft.press("Control+Enter")
    expect(page.locator(".output--text", has_text="by hand 42")).to_be_visible()
    cells = page.locator(".cell--editable")
    cells.first.locator("textarea").fill("print('first again')")
    cells.first.locator("textarea").press("Control+Enter")
    expect(page.locator(".output--text", has_text="first again")).to_be_visible()

    def sources(book):
        return [("note" if "import **this**" in c.source else c.metadata.get("cloche", {}).get("role") or c.source.splitlines()[0])
                for c in book.cells]

    def opened():
        book = nbformat.reads(exported(page, "Notebook"), as_version=4)
        nbformat.validate(book)
        return book

    book = opened()
    assert [s for s in sources(book) if s != "assistant"] == ["user", "print('first again')", "note", "user", "1 / 0", "print('by hand', 6 * 7)"]
    assert "assistant" in sources(book)
    shown = {c.source.splitlines()[0]: c.outputs for c in book.cells if c.cell_type == "code"}
    assert shown["print('first again')"][0].text == "first again\n" and shown["1 / 0"][-1].ename == "ZeroDivisionError"
    [written] = [c for c in book.cells if "**this**" in c.source]
    assert written.cell_type == "markdown" and written.source == "# Of mine\nimport **this**"

    script = exported(page, "Python")
    compile(script, "export.py", "exec")
    assert script.index("print('first again')\n") < script.index("# %% [markdown]\n# # Of mine\n# import **this**\n") < script.index("\n1 / 0\n")
    assert "<strong>this</strong>" in exported(page, "One page")

    # moved, it is there; hidden, it is not, and a reload keeps both
    before = sources(book)
    note.focus()
    note.get_by_role("button", name="Move the note up").click()
    cells.nth(1).locator("textarea").focus()
    cells.nth(1).get_by_role("button", name="Hide the cell").click()
    expect(page.get_by_role("button", name="Show 1 hidden cell")).to_be_visible()
    at = before.index("note")
    before[at - 1:at + 1] = ["note", before[at - 1]]
    before.remove("1 / 0")
    assert sources(opened()) == before
    page.reload()
    expect(note).to_be_visible()
    assert sources(opened()) == before

    # what the server does not give is said, and nothing is saved
    page.route("**/v1/notebooks?*", lambda route: route.abort())
    page.watched.expected += ["net::ERR_FAILED"]
    page.get_by_role("toolbar", name="Notebook").get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="Python").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The notebook was not exported: The server does not answer.")
    alert.get_by_role("button", name="Close").click()
    expect(alert).to_have_count(0)

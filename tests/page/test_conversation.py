"""Asking, watching, stopping, coming back."""
import datetime
import re

import openpyxl
import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, container_of, conversation_of, figures_on_screen, python

# Says something, then waits for a file that the test puts into the session.
GATED = "import os, time\nprint('before the gate', flush=True)\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\nprint('after the gate')"


@pytest.mark.data_science
@pytest.mark.parametrize("name, figures, says", [("Data analysis", 2, "100 sales records"), ("Math computation", 1, "Fibonacci"),
                                                 ("Image generation", 3, "heat map")])
def test_the_three_examples(page, name, figures, says):
    page.locator(".examples").get_by_role("button", name=name).click()
    answered(page)
    assert figures_on_screen(page) == figures
    expect(page.locator(".document")).to_contain_text(says)
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator(".side--left .item__link[aria-current]")).to_have_text(name)


@pytest.mark.data_science
def test_a_workbook_is_analysed_and_its_figures_are_on_the_screen(page, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Orders"
    sheet.append(["day", "region", "units", "revenue"])
    for n in range(120):
        sheet.append([datetime.date(2025, 1 + n // 10, 1 + n % 10), ["North", "South", "East"][n % 3], 10 + n % 7, round(100 + 3.5 * n + 40 * (n % 3), 2)])
    book.create_sheet("Notes").append(["made for a test"])
    book.save(tmp_path / "orders.xlsx")
    ask(page, "analyze this", [str(tmp_path / "orders.xlsx")])
    answered(page)
    assert figures_on_screen(page) >= 1
    expect(page.locator(".turn--person .chip")).to_contain_text("orders.xlsx")
    tree = page.get_by_role("tree")
    tree.get_by_text("orders.xlsx").click()
    preview = page.get_by_role("group", name="Preview of orders.xlsx")
    expect(preview.get_by_role("tab")).to_have_text(["Orders", "Notes"])
    expect(preview.locator("th").nth(1)).to_have_text("region")
    expect(preview.locator(".tabs__sum")).to_have_text("120 × 4")
    expect(preview.locator("tbody tr").first.locator("td").first).to_have_text("2025-01-01")


def gate(client, page):
    client.post(f"/v1/containers/{container_of(page)}/files", files={"file": ("go", b"")}).raise_for_status()


def test_output_comes_while_it_runs_and_a_reload_continues_it(page, client):
    ask(page, python(GATED))
    cell = page.locator(".cell").first
    expect(cell.locator(".output--text")).to_contain_text("before the gate")
    expect(cell).to_have_attribute("data-status", "running")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator(".state__word")).to_have_text("Running")
    page.reload()
    expect(cell.locator(".output--text")).to_have_text("before the gate")
    expect(cell).to_have_attribute("data-status", "running")
    gate(client, page)
    answered(page)
    expect(cell.locator(".output--text")).to_have_text("before the gate\nafter the gate")
    expect(page.locator(".pair")).to_have_count(1)


def test_a_lost_connection_is_said_and_mended(page, client):
    page.watched.expected += ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK", "ERR_FAILED"]
    ask(page, python(GATED))
    cell = page.locator(".cell").first
    expect(cell.locator(".output--text")).to_contain_text("before the gate")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator(".banner")).to_contain_text("The connection was lost.")
    page.context.set_offline(False)
    gate(client, page)
    answered(page)
    expect(page.locator(".banner")).to_have_count(0)
    expect(cell.locator(".output--text")).to_have_text("before the gate\nafter the gate")


def test_stop_is_where_send_was_and_keeps_the_session(page):
    send = page.get_by_role("button", name="Send").bounding_box()
    ask(page, python("kept = 5\nprint('on', flush=True)\nwhile True: pass"))
    expect(page.locator(".cell .output--text")).to_contain_text("on")
    stop = page.get_by_role("button", name="Stop")
    box = stop.bounding_box()
    assert abs(box["height"] - send["height"]) < 2
    for later in ("kept for later", "and this"):
        ask(page, later)
        expect(page.locator("#composer")).to_have_value("")
    page.locator("h1").click()
    page.keyboard.press("Escape")
    expect(page.locator(".document")).to_contain_text("Stopped. What came before is kept.")
    expect(page.locator("#composer")).to_have_value("kept for later\n\nand this")
    expect(page.locator(".cell")).to_have_attribute("data-status", "interrupted")
    ask(page, python("print(kept + 1)"))
    answered(page, 2)
    expect(page.locator(".cell").nth(1).locator(".output--text")).to_have_text("6")


def test_a_message_written_meanwhile_waits(page, client):
    ask(page, python(GATED))
    expect(page.locator(".cell .output--text")).to_contain_text("before the gate")
    ask(page, python("print('second')"))
    expect(page.locator(".composer__hint")).to_contain_text("once this run has ended")
    expect(page.locator(".pair")).to_have_count(1)
    gate(client, page)
    answered(page, 2)
    expect(page.locator(".pair")).to_have_count(2)


def test_errors_are_a_line_with_the_traceback_folded(page):
    ask(page, python("def f():\n    return {}['missing']\nf()"))
    answered(page)
    expect(page.locator(".error__line")).to_have_text("KeyError: 'missing'")
    expect(page.locator(".fold__text")).to_be_hidden()
    page.locator(".fold__bar").click()
    expect(page.locator(".fold__text")).to_contain_text("line 2, in f")


def test_code_is_folded_once_it_has_run_and_opens_again(page):
    ask(page, python("a = 1\nb = 2\nprint(a + b)"))
    answered(page)
    expect(page.locator(".cell .code__text")).to_have_count(0)
    expect(page.locator(".code__bar")).to_contain_text("3 lines")
    page.locator(".code__bar").click()
    expect(page.locator(".cell .code__text")).to_contain_text("print(a + b)")


def test_conversations_are_kept_searched_renamed_and_deleted(page, client):
    ask(page, python("print('kept')"))
    answered(page)
    made = conversation_of(page)
    item = page.locator(".item[data-current]")
    item.locator(".item__more").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.locator(".item__field").fill("Named by a test")
    page.locator(".item__field").press("Enter")
    expect(page.locator("h1")).to_have_text("Named by a test")
    page.get_by_label("Search conversations").fill("named by a")
    expect(page.locator(".group:not(.group--examples) .item")).to_have_count(1)
    page.reload()
    expect(page.locator("h1")).to_have_text("Named by a test")
    expect(page.locator(".cell .output--text")).to_have_text("kept")
    page.locator(".item[data-current] .item__more").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".first__sentence")).to_be_visible()
    assert client.get(f"/v1/conversations/{made}").status_code == 404


def test_a_conversation_that_is_not_open_is_renamed_and_keeps_its_session(page, client):
    ask(page, python("print('kept')"))
    answered(page)
    made, session = conversation_of(page), container_of(page)
    page.locator(".side--left").get_by_role("link", name="New conversation", exact=True).click()
    expect(page.locator(".first__sentence")).to_be_visible()
    sent = []
    page.on("request", lambda r: sent.append(r.post_data) if r.method == "POST" and r.url.endswith(made) else None)
    item = page.locator(".item", has=page.locator(f'a[href="#/{made}"]'))
    field = page.locator(".item__field")
    for name, key in (("Not this", "Escape"), ("Renamed from afar", "Enter")):
        item.locator(".item__more").click()
        page.get_by_role("menuitem", name="Rename").click()
        field.fill(name)
        field.press(key)
        expect(field).to_have_count(0)
    expect(item).to_contain_text("Renamed from afar")
    assert len(sent) == 1 and "Not this" not in sent[0]
    assert client.get(f"/v1/conversations/{made}").json()["metadata"] == {"title": "Renamed from afar", "container": session}
    expect(page.locator(".first__sentence")).to_be_visible()


def test_a_conversation_that_is_left_closes_its_stream_and_goes_on(page, client):
    ask(page, python(GATED))
    expect(page.locator(".cell .output--text")).to_contain_text("before the gate")
    made = conversation_of(page)
    session = container_of(page)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/v1/responses")):
        page.locator(".side--left").get_by_role("link", name="New conversation", exact=True).click()
    expect(page.locator(".first__sentence")).to_be_visible()
    client.post(f"/v1/containers/{session}/files", files={"file": ("go", b"")}).raise_for_status()
    page.locator(f'.item__link[href="#/{made}"]').click()
    answered(page)
    expect(page.locator(".cell .output--text")).to_have_text("before the gate\nafter the gate")


def test_a_link_leads_to_a_turn_and_to_a_cell(page, open_page):
    for n in range(2):
        ask(page, python(f"print({n})"))
        answered(page, n + 1)
    href = page.locator(".turn__time").nth(1).get_attribute("href")
    other = open_page("/" + href)
    expect(other.locator(f"#{href.split('/')[-1]}")).to_be_in_viewport()
    link = page.locator(".cell__link").first
    expect(link).to_have_accessible_name(re.compile("Link to cell 1, 0.* s"))
    for way in (link.get_attribute("href"), link.get_attribute("href").replace("/ci_", "/notebook/ci_")):
        other.goto("about:blank")
        other.goto(page.url.split("#")[0] + way)
        cell = other.locator(f"#cell-{way.split('/')[-1]}")
        expect(cell.locator(".output--text")).to_have_text("0")
        expect(cell).to_be_in_viewport()
        expect(cell.locator("summary, textarea")).to_be_focused()


def test_without_python_it_is_words(page):
    toggle = page.get_by_role("switch", name="Python")
    toggle.click()
    expect(toggle).to_have_attribute("aria-checked", "false")
    ask(page, "what is 6 * 7?")
    answered(page)
    expect(page.locator(".cell")).to_have_count(0)


def test_a_picture_and_a_table_can_be_pasted(page):
    page.locator("#composer").evaluate("""area => {
        const data = new DataTransfer()
        data.setData('text/plain', 'a\\tb\\n1\\t2\\n3\\t4')
        area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
    }""")
    expect(page.locator(".composer .chip[data-ready]")).to_contain_text("pasted.tsv")
    page.locator("#composer").evaluate("""area => {
        const data = new DataTransfer()
        data.items.add(new File([new Uint8Array(8)], 'image.png', { type: 'image/png' }))
        area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
    }""")
    expect(page.locator(".composer .chip[data-ready]")).to_have_count(2)


def test_the_whole_window_takes_files(page):
    page.evaluate("""() => {
        const data = new DataTransfer()
        data.items.add(new File(['x,y\\n1,2\\n'], 'dropped.csv', { type: 'text/csv' }))
        for (const type of ['dragenter', 'dragover']) document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }))
        window.held = data
    }""")
    expect(page.get_by_role("region", name="Files held over the window")).to_be_visible()
    page.evaluate("document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: window.held, bubbles: true, cancelable: true }))")
    expect(page.locator(".composer .chip[data-ready]")).to_contain_text("dropped.csv")
    expect(page.get_by_role("region", name="Files held over the window")).to_have_count(0)

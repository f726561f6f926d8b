"""The notebook, what cells show, and taking things away."""
import io
import zipfile

import nbformat
import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, container_of, python


def notebook(page):
    page.locator(".segmented__part", has_text="Notebook").click()
    expect(page.get_by_role("region", name="Notebook")).to_be_visible()


def test_a_cell_is_edited_and_run_again_in_the_same_session(page):
    ask(page, python("base = 20\nprint(base)"))
    answered(page)
    notebook(page)
    cell = page.locator(".cell--editable").first
    cell.locator("textarea").fill("print(base + 22)")
    expect(cell).to_contain_text("edited, not run")
    cell.locator("textarea").press("Shift+Enter")
    expect(cell.locator(".output--text")).to_have_text("42")
    expect(cell.locator(".cell__count")).to_contain_text("[2]")
    draft = page.get_by_label("Code of a new cell")
    draft.fill("base * 3")
    draft.press("Shift+Enter")
    expect(page.locator(".cell--editable").nth(1).locator(".output--text")).to_have_text("60")
    page.locator(".segmented__part", has_text="Conversation").click()
    expect(page.locator(".cell .output--text")).to_have_text(["42", "60"])
    page.reload()
    expect(page.locator(".cell .output--text")).to_have_text(["42", "60"])
    expect(page.locator(".run")).to_have_count(2)


def test_input_is_asked_for_and_given(page):
    ask(page, python("print('begin')"))
    answered(page)
    notebook(page)
    draft = page.get_by_label("Code of a new cell")
    draft.fill("name = input('Who is it? ')\nprint('hello', name)")
    draft.press("Shift+Enter")
    page.get_by_label("Who is it?").fill("Ada")
    page.get_by_label("Who is it?").press("Enter")
    expect(page.locator(".cell--editable").nth(1)).to_contain_text("hello Ada")


def download_of(page, locator):
    with page.expect_download() as waiting:
        locator.click()
    return open(waiting.value.path(), "rb").read(), waiting.value.suggested_filename


def test_downloads_are_the_bytes_that_were_written(page, client):
    ask(page, python("open('all.bin', 'wb').write(bytes(range(256)) * 33)\nopen('a name.txt', 'w').write('text')"))
    answered(page)
    wanted = bytes(range(256)) * 33
    chip = page.locator(".turn--answer .chip", has_text="all.bin")
    assert download_of(page, chip.locator(".chip__link")) == (wanted, "all.bin")
    assert download_of(page, chip.get_by_label("Download all.bin"))[0] == wanted
    page.locator(".act", has_text="Export").click()
    archive, name = download_of(page, page.get_by_role("menuitem", name="All files"))
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.read("all.bin") == wanted and files.read("a name.txt") == b"text" and name.endswith(".zip")


def test_exports_open_again(page):
    ask(page, python("print('exported')"))
    answered(page)
    for label, check in (("Notebook", lambda text: nbformat.validate(nbformat.reads(text, as_version=4))),
                         ("Python", lambda text: compile(text, "export.py", "exec")),
                         ("One page", lambda text: text.index("exported"))):
        page.locator(".act", has_text="Export").click()
        data, name = download_of(page, page.get_by_role("menuitem", name=label))
        check(data.decode())
        assert b"exported" in data and name.endswith({"Notebook": ".ipynb", "Python": ".py", "One page": ".html"}[label])


@pytest.mark.data_science
def test_a_table_is_sorted_and_opened_whole(page):
    ask(page, python("import pandas as pd\npd.set_option('display.max_rows', 500)\n"
                     "pd.DataFrame({'name': [f'n{i}' for i in range(150)], 'value': [(i * 37) % 150 for i in range(150)]})"))
    answered(page)
    table = page.locator(".table")
    expect(table.locator("tbody tr")).to_have_count(100)
    expect(table).to_contain_text("First 100 of 150 rows")
    table.get_by_role("button", name="value").click()
    expect(table.locator("th[aria-sort=ascending]")).to_contain_text("value")
    expect(table.locator("tbody tr").first.locator("td").nth(1)).to_have_text("0")
    table.get_by_role("button", name="value").click()
    expect(table.locator("tbody tr").first.locator("td").nth(1)).to_have_text("149")
    assert table.locator("thead th").first.evaluate("cell => getComputedStyle(cell).position") == "sticky"
    table.get_by_role("button", name="Open all").click()
    expect(table.locator("tbody tr")).to_have_count(150)
    data, name = download_of(page, table.get_by_label("Download the table as CSV"))
    assert name == "table.csv" and data.decode("utf-8-sig").splitlines()[0] == ",name,value"


HOSTILE = """from IPython.display import HTML
HTML('<p id="seen">inside</p><script>document.title="ran";'
     'fetch("http://127.0.0.1:1/x").catch(()=>document.body.append(" no network"));'
     'try{parent.document.title="stolen"}catch(e){document.body.append(" no parent")}</script>')"""


@pytest.mark.data_science
def test_html_lies_in_a_frame_that_is_shut_in(page):
    page.watched.expected += ["Content Security Policy", "violates the following", "127.0.0.1:1"]
    ask(page, python(HOSTILE))
    answered(page)
    frame = page.locator("iframe.frame__inside")
    expect(frame).to_have_attribute("sandbox", "allow-scripts")
    inside = page.frame_locator("iframe.frame__inside")
    expect(inside.locator("body")).to_contain_text("inside")
    expect(inside.locator("body")).to_contain_text("no parent")
    expect(inside.locator("body")).to_contain_text("no network")
    assert "stolen" not in page.title()
    page.watched.elsewhere = [url for url in page.watched.elsewhere if "127.0.0.1:1/" not in url]


@pytest.mark.data_science
def test_words_of_a_stranger_are_cleaned(page):
    text = ("# A head\\n\\n<img src=x onerror=alert(1)> ![a picture](https://elsewhere.example/p.png) "
            "[a link](https://elsewhere.example/page) [bad](javascript:alert(1)) ![code](javascript://elsewhere.example/alert) "
            "[https://bank.example/?elsewhere.example](https://elsewhere.example) and $x^2$\\n\\n| a | b |\\n|---|---|\\n| 2 | x |\\n| 1 | y |")
    ask(page, python(f"from IPython.display import Markdown\nMarkdown({text!r}.replace(chr(92) + 'n', chr(10)))"))
    answered(page)
    prose = page.locator(".output .prose")
    expect(prose.locator("img")).to_have_count(0)
    expect(prose.locator(".outside").first).to_contain_text("elsewhere.example; nothing was loaded")
    expect(prose.locator(".outside").nth(1)).to_contain_text("an unreadable address; nothing was loaded")
    expect(prose.locator(".outside a")).to_have_count(1)
    expect(prose.get_by_role("link", name="bank.example").locator(".host")).to_have_text(" elsewhere.example")
    expect(prose.get_by_role("link", name="a link")).to_contain_text("elsewhere.example")
    expect(prose.locator("a[href^=javascript]")).to_have_count(0)
    expect(prose.locator(".katex")).to_be_visible()
    prose.get_by_role("button", name="a", exact=True).click()
    expect(prose.locator("tbody td").first).to_have_text("1")


@pytest.mark.data_science
def test_plotly_is_drawn_by_the_page_itself_when_first_needed(page):
    ask(page, python("print('before')"))
    answered(page)
    assert not [r for r in page.watched.loaded if "/assets/plot-" in r.url]
    ask(page, python("import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a', 'b'], y=[1, 3]), layout={'title': 'Bars'})"))
    answered(page, 2)
    plot = page.locator(".plotly")
    expect(plot.locator(".main-svg").first).to_be_visible()
    expect(plot.locator(".bars .point")).to_have_count(2)
    assert [r for r in page.watched.loaded if "/assets/plot-" in r.url]


def test_text_as_a_terminal_shows_it(page):
    ask(page, python(r"print('\x1b[1;31mred\x1b[0m plain\x07'); print('10%\r20%\rdone'); print('\x1b]0;title\x07safe')"))
    answered(page)
    output = page.locator(".output--text")
    expect(output).to_have_text("red plain\ndone\nsafe")
    expect(output.locator(".ansi-red.ansi-bold")).to_have_text("red")


@pytest.mark.data_science
def test_output_made_to_take_long_does_not(page):
    ask(page, python("from IPython.display import HTML, display\nprint('a' * 50000 + '\\b' * 50000 + 'left' + '\\r' * 2)\n"
                     "display(HTML('dataframe' + '<a' * 50000))"))
    answered(page)
    expect(page.locator(".output--text")).to_have_text("left")
    expect(page.locator("iframe.frame__inside")).to_be_visible()


def test_ten_thousand_lines_are_laid_out_as_they_come_into_view(page):
    ask(page, python("for i in range(10000): print('line', i)"))
    answered(page)
    expect(page.locator(".piece").first).to_contain_text("line 0")
    assert page.locator(".piece").first.evaluate("piece => getComputedStyle(piece).contentVisibility") == "auto"
    assert page.locator(".piece").count() == 50
    page.locator(".piece").last.scroll_into_view_if_needed()
    expect(page.locator(".piece").last).to_be_in_viewport()
    expect(page.locator(".piece").last).to_contain_text("line 9999")


@pytest.mark.data_science
def test_variables_files_and_gauges(page):
    ask(page, python("import pandas as pd\nframe = pd.DataFrame({'a': range(1234)})\nimport os; os.makedirs('folder', exist_ok=True)\nframe.to_csv('folder/rows.csv', index=False)"))
    answered(page)
    expect(page.locator(".vars")).to_contain_text("frame")
    expect(page.locator(".vars")).to_contain_text("1,234 × 1")
    expect(page.get_by_role("tree")).to_contain_text("folder")
    page.get_by_role("tree").get_by_text("rows.csv").click()
    expect(page.get_by_role("group", name="Preview of rows.csv").locator("tbody tr")).to_have_count(100)
    expect(page.locator(".gauge").first).to_contain_text("MiB of 1 GiB")
    expect(page.locator(".state__word")).to_have_text("Alive")
    page.get_by_role("button", name="Restart", exact=True).click()
    expect(page.locator(".vars")).to_have_count(0)
    expect(page.get_by_role("tree")).to_contain_text("folder")

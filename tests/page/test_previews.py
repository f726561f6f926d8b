"""Files of the session, looked at without leaving the page."""
import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, python

# Two pages, made by hand: a reader finds the objects itself when the table of them is missing.
PDF = """%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 5 0 R/Resources<</Font<</F 7 0 R>>>>>>endobj
4 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 6 0 R/Resources<</Font<</F 7 0 R>>>>>>endobj
5 0 obj<</Length 63>>stream
0 0 0 rg 20 20 260 60 re f BT /F 24 Tf 20 150 Td (Page one) Tj ET
endstream endobj
6 0 obj<</Length 36>>stream
BT /F 24 Tf 20 150 Td (And two) Tj ET
endstream endobj
7 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
FILES = f"""import base64
open('report.pdf', 'w').write({PDF!r})
open('broken.pdf', 'w').write('%PDF-1.4 and nothing')
open('notes.txt', 'w').write('first line\\nsecond <b>line</b>')
open('dot.png', 'wb').write(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='))
open('rows.csv', 'w').write('name,value\\n"a, b",1234.5\\n')
open('raw.bin', 'wb').write(bytes(range(256)))"""


def test_previews(page):
    ask(page, python(FILES))
    answered(page)
    tree = page.get_by_role("tree")

    def preview(name):
        tree.get_by_text(name).click()
        return page.get_by_role("group", name=f"Preview of {name}")

    pdf = preview("report.pdf")
    expect(pdf.get_by_role("img", name="Page 1 of report.pdf")).to_be_visible()
    expect(pdf).to_contain_text("Page one")
    expect(pdf.get_by_role("status")).to_have_text("Page 1 of 2")
    dark = "canvas => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); let n = 0; for (let i = 0; i < data.length; i += 4) if (data[i] < 64) n++; return n / (data.length / 4) }"
    assert 0.2 < pdf.locator("canvas").evaluate(dark) < 0.4  # the black bar is 26 % of the page
    pdf.get_by_label("Next page").click()
    expect(pdf.get_by_role("img", name="Page 2 of report.pdf")).to_be_visible()
    expect(pdf).to_contain_text("And two")
    expect(pdf.get_by_label("Next page")).to_have_attribute("aria-disabled", "true")
    expect(preview("broken.pdf")).to_contain_text("It cannot be shown")
    expect(preview("notes.txt")).to_contain_text("second <b>line</b>")
    picture = preview("dot.png").get_by_role("img", name="dot.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    table = preview("rows.csv")
    expect(table.locator("tbody td")).to_have_text(["a, b", "1234.5"])  # the data's own number
    expect(preview("raw.bin")).to_contain_text("not text")
    # what is dragged out of the window is the file
    row = tree.get_by_role("treeitem").filter(has_text="report.pdf")
    dragged = row.evaluate("""row => { const data = new DataTransfer()
        row.dispatchEvent(new DragEvent('dragstart', { dataTransfer: data, bubbles: true }))
        return data.getData('DownloadURL') }""")
    kind, name, address = dragged.split(":", 2)
    assert (kind, name) == ("application/octet-stream", "report.pdf")
    assert page.request.get(address).body().decode() == PDF

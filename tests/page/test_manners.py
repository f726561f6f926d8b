"""Keys, narrow screens, readers of screens, what is loaded."""
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, python


def test_the_first_load_is_small_and_from_here_alone(page, server):
    expect(page.locator(".first__sentence")).to_be_visible()
    assets = [r for r in page.watched.loaded if "/assets/" in r.url or r.url.rstrip("/") == server.url or "favicon" in r.url]
    size = sum(int(r.headers["content-length"]) for r in assets)
    assert len(assets) >= 3 and size <= 300_000, size


def test_what_answers_is_said_on_the_first_visit(page):
    expect(page.locator(".first__model")).to_contain_text("offline analyst")
    expect(page.locator(".first__model")).to_contain_text("OPENAI_API_KEY")
    expect(page.locator(".examples li")).to_have_count(3)


def test_keys(page):
    expect(page.locator(".first__sentence")).to_be_visible()
    page.locator("body").press("/")
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Command palette")
    expect(palette).to_be_visible()
    page.keyboard.type("dark")
    expect(palette.get_by_role("option").first).to_contain_text("Change to dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Control+k")
    expect(palette).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette).to_have_count(0)


def test_regions_close_and_change_their_width_by_keyboard(page):
    separator = page.get_by_role("separator", name="Width of the conversations")
    before = page.locator("#list").bounding_box()["width"]
    separator.focus()
    page.keyboard.press("ArrowRight")
    expect(separator).to_have_attribute("aria-valuenow", "264")
    assert page.locator("#list").bounding_box()["width"] == before + 16
    page.get_by_label("Close the list of conversations").click()
    expect(page.locator("#list")).to_be_hidden()
    page.reload()
    expect(page.locator("#list")).to_be_hidden()
    page.get_by_label("Open the list of conversations").click()
    expect(page.locator("#list")).to_be_visible()


@pytest.fixture
def phone(open_page):
    return open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2, color_scheme="dark")


def no_sideways(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth")


def test_a_narrow_screen(phone):
    expect(phone.locator(".first__sentence")).to_be_visible()
    no_sideways(phone)
    ask(phone, python("print('x' * 500)\nopen('made.txt', 'w').write('1')"))
    answered(phone)
    no_sideways(phone)
    bar, link = phone.locator(".code__bar").bounding_box(), phone.locator(".cell__link").bounding_box()
    assert abs(bar["y"] + bar["height"] / 2 - link["y"] - link["height"] / 2) < 1, (bar, link)
    expect(phone.locator("#session")).to_be_hidden()
    phone.locator(".bar__bell").click()
    expect(phone.locator("#session")).to_be_visible()
    expect(phone.get_by_role("tree")).to_contain_text("made.txt")
    phone.keyboard.press("Escape")
    expect(phone.locator("#session")).to_be_hidden()
    phone.get_by_label("Open the list of conversations").click()
    expect(phone.locator("#list")).to_be_visible()
    no_sideways(phone)
    small = phone.evaluate("[...document.querySelectorAll('#list button, #list a')].filter(e => e.offsetParent && e.offsetHeight < 40).map(e => e.className)")
    assert small == []


@pytest.fixture(scope="module")
def axe(build):
    return (Path(build) / "page-modules/node_modules/axe-core/axe.min.js").read_text()


def faults(page, axe):
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in found["violations"]]


@pytest.mark.data_science
@pytest.mark.parametrize("light", ["light", "dark"])
def test_axe_finds_nothing(open_page, axe, light):
    page = open_page(color_scheme=light)
    expect(page.locator(".first__model")).to_contain_text("offline analyst")
    assert faults(page, axe) == []
    ask(page, python("import pandas as pd, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nkept = 1\nprint('text')\npd.DataFrame({'a': [1, 2]})"))
    answered(page)
    ask(page, python("1 / 0"))
    answered(page, 2)
    expect(page.locator(".vars")).to_be_visible()
    assert faults(page, axe) == []
    page.locator(".segmented__part", has_text="Notebook").click()
    expect(page.get_by_role("region", name="Notebook")).to_be_visible()
    assert faults(page, axe) == []
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    assert faults(page, axe) == []


def test_what_ends_is_announced_and_what_streams_is_not(page):
    ask(page, python("print('text')"))
    answered(page)
    expect(page.locator(".root > [role=status]")).to_contain_text("complete")
    assert page.locator(".output--text").get_attribute("aria-live") == "off"


def test_figures_have_their_place_before_they_come(page):
    ask(page, python("import base64, zlib, struct\n"
                     "def png(w, h):\n    def part(k, d): return struct.pack('>I', len(d)) + k + d + struct.pack('>I', zlib.crc32(k + d))\n"
                     "    return b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', struct.pack('>2I5B', w, h, 8, 0, 0, 0, 0)) + part(b'IDAT', zlib.compress(b''.join(b'\\0' + b'\\x80' * w for _ in range(h)))) + part(b'IEND', b'')\n"
                     "class P:\n    def _repr_png_(self): return png(400, 300)\nP()"))
    answered(page)
    page.reload()
    paper = page.locator(".figure__paper")
    expect(paper).to_be_visible()
    assert paper.evaluate("paper => paper.style.aspectRatio") == "400 / 300"
    page.evaluate("""() => { navigator.clipboard.write = async ([item]) => {
        const copied = await createImageBitmap(await item.getType('image/png'))
        window.copied = [copied.width, copied.height]
    } }""")
    page.get_by_label("Copy the figure").click()
    expect(page.locator(".root > [role=status]")).to_have_text("The figure is copied.")
    assert page.evaluate("window.copied") == [400, 300]

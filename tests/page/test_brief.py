"""What the page's brief says in passing, each said once here: type, motion, locale, pickers, what is not sent yet."""
import re

import pytest
from playwright.sync_api import expect

from support import machine
from support.on_page import answered, ask, container_of, python

RUNS = """import pandas as pd
frame = pd.DataFrame({'value': [1234.5, 2345.5] * 617})
from IPython.display import SVG, display
display(SVG('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><script>document.title = "ran"</script><rect width="40" height="30"/></svg>'))
frame.head(2)"""


@pytest.mark.data_science
def test_numbers_and_pictures(open_page):
    page = open_page(locale="de-DE", reduced_motion="no-preference")
    ask(page, python(RUNS))
    answered(page)
    # the page's own numbers are the reader's, the data's are the data's
    expect(page.locator(".vars")).to_contain_text("1.234 × 1")
    expect(page.locator(".table tbody td").first).to_have_text("1234.5")
    # an SVG is a picture: nothing of it runs
    drawing = page.locator(".figure__image")
    assert drawing.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
    assert drawing.get_attribute("src").startswith("data:image/svg+xml") and page.title() != "ran"
    # what ended was said, once, politely
    expect(page.locator(".root > [role=status]")).to_contain_text("complete")
    # type: 16 px at 1.55, at most 70 characters
    prose = page.locator(".prose").first
    size = prose.evaluate("""prose => { const style = getComputedStyle(prose), probe = document.createElement('span')
        probe.textContent = 'The quick brown fox jumps over the lazy dog, and so on and so on, '; probe.style.whiteSpace = 'pre'; prose.append(probe)
        const width = probe.getBoundingClientRect().width / probe.textContent.length; probe.remove()
        return [style.fontSize, parseFloat(style.lineHeight) / parseFloat(style.fontSize), parseFloat(style.maxInlineSize) / width] }""")
    assert size[0] == "16px" and abs(size[1] - 1.55) < 0.01 and 55 <= size[2] <= 72, size
    # motion shows state, and honours who wants none
    moves = "document.getAnimations().length + [...document.querySelectorAll('.output')].filter((o) => getComputedStyle(o).animationName !== 'none').length"
    assert page.evaluate(moves) > 0
    page.emulate_media(reduced_motion="reduce")
    machine.wait_until(lambda: page.evaluate(moves) == 0)  # what had begun ends
    # executions: what, how it ended, how long it took; conversations by day
    expect(page.locator(".run")).to_have_attribute("data-status", "completed")
    expect(page.locator(".run__status")).to_have_text(re.compile(r"\d+(,\d+)? s"))
    expect(page.locator("#group-0")).to_have_text("Today")


def test_what_is_not_acknowledged_looks_so(page):
    page.watched.expected += ["ERR_FAILED", "Failed to load resource"]
    page.route("**/v1/responses", lambda route: route.abort())
    ask(page, "keep this")
    turn = page.locator(".turn--pending")
    expect(turn.get_by_role("alert")).to_contain_text("Not sent: The server does not answer.")
    page.unroute("**/v1/responses")
    turn.get_by_role("button", name="Take it back").click()
    expect(page.locator("#composer")).to_have_value("keep this")
    page.locator("#composer").press("Control+Enter")
    answered(page)
    expect(page.locator(".turn--pending")).to_have_count(0)
    expect(page.locator(".turn--person")).to_have_count(1)


def test_environment_and_model_are_picked_and_regions_pulled(page, client):
    page.get_by_role("button", name="Environment").click()
    page.get_by_role("menuitemradio", name=re.compile("^base")).click()
    page.get_by_role("button", name="Model").click()
    expect(page.get_by_role("menuitemradio", name="offline analyst")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Escape")
    ask(page, python("print('in base')"))
    expect(page.locator(".cell")).to_have_count(1)
    answered(page)
    assert client.get(f"/v1/containers/{container_of(page)}").json()["environment"] == "base"
    session = page.locator("#session")
    width = session.bounding_box()["width"]
    edge = page.get_by_role("separator", name="Width of the session").bounding_box()
    page.mouse.move(edge["x"] + 4, 400)
    page.mouse.down()
    page.mouse.move(edge["x"] + 4 - 60, 400, steps=3)
    page.mouse.up()
    expect(page.get_by_role("separator", name="Width of the session")).to_have_attribute("aria-valuenow", str(round(width) + 60))
    assert abs(session.bounding_box()["width"] - width - 60) <= 1

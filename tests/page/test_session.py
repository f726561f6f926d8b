"""A session's life as the page shows it: it counts down, is kept, runs out of memory, gets more, expires, begins anew."""
import re

import pytest
from playwright.sync_api import expect

from support import clock, machine
from support.on_page import answered, ask, container_of, python


@pytest.mark.root  # the clock is moved from outside, and memory is counted by cgroups
@pytest.mark.limits
def test_a_session_is_kept_gets_more_memory_and_expires(open_page, fresh_server):
    server = fresh_server("--idle", "1", "--memory-limit", "128m", "--default-environment", "base")
    page = open_page(origin=server.url)
    word, what = page.locator(".state__word"), page.locator(".state__what")
    ask(page, python("kept = 1\nopen('kept.txt', 'w').write('on disk')\nprint('made')"))
    answered(page)
    expect(word).to_have_text("Expiring")
    expect(what).to_contain_text(re.compile(r"^in (5[0-8]|[1-4]?\d) s unless it is used"))  # it is watched, and the time passes

    def expires():
        with server.client() as client:
            return client.get(f"/v1/containers/{container_of(page)}", params={"touch": "false"}).json()["expires_at"]

    before = expires()
    page.get_by_role("button", name="Keep it").click()
    machine.wait_until(lambda: expires() > before)

    page.locator(".segmented__part", has_text="Notebook").click()
    page.get_by_label("Code of a new cell").fill("print('by hand')")
    page.get_by_label("Code of a new cell").press("Shift+Enter")
    expect(page.locator(".output--text").last).to_have_text("by hand")
    page.locator(".segmented__part", has_text="Conversation").click()

    ask(page, python("block = bytearray(300 << 20)"))
    answered(page, 2)
    cell = page.locator('.cell[data-status="out_of_memory"]')
    expect(cell.locator(".notice")).to_contain_text(re.compile(r"Out of memory\. The cell had used \d+ MiB; this session’s limit is 128 MiB\."))
    expect(cell.locator(".ledger")).to_contain_text("Lostall variables")
    expect(cell.locator(".ledger")).to_contain_text("Keptthe files in /mnt/data")
    expect(cell.get_by_role("button", name="Run the 2 cells before it again")).to_be_visible()
    first = container_of(page)
    cell.get_by_role("button", name="Raise the limit to 256 MiB").click()
    expect(page.locator(".gauge").first).to_contain_text("of 256 MiB")
    assert container_of(page) == first
    with server.client() as client:
        assert client.get(f"/v1/containers/{first}", params={"touch": "false"}).json()["memory_limit"] == "256m"
    expect(page.get_by_role("tree")).to_contain_text("kept.txt")
    expect(cell.get_by_role("button", name="Raise the limit to 512 MiB")).to_be_visible()
    ask(page, python("print(len(bytearray(150 << 20)), open('kept.txt').read())"))
    answered(page, 3)
    expect(page.locator(".cell .output--text").last).to_have_text("157286400 on disk")

    clock.advance(server, 61)
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    for _ in range(100):  # the housekeeper comes by once a second
        page.evaluate(look)
        if word.inner_text() == "Expired":
            break
        page.wait_for_timeout(100)
    expect(word).to_have_text("Expired")
    expired = page.locator(".expired")
    expect(expired).to_contain_text("This session expired")
    expect(expired.locator(".ledger")).to_contain_text("its variables and the files in /mnt/data")
    page.reload()
    # everything that was run is there, in whichever session it was
    expect(page.locator(".cell .output--text")).to_have_text(["made", "by hand", "157286400 on disk"])
    expect(cell.locator(".notice")).to_contain_text("this session’s limit is 256 MiB")
    expect(cell.get_by_role("button", name="Run the 2 cells before it again")).to_be_visible()  # in their order
    expired.get_by_role("button", name="Start a new session").click()
    expect(expired).to_have_count(0)
    ask(page, python("print('kept' in globals())"))
    answered(page, 4)
    expect(page.locator(".cell .output--text").last).to_have_text("False")

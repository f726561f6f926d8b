"""A server that has keys asks for one, once."""
import json
import subprocess

from playwright.sync_api import expect

from support.on_page import answered, ask, python


def test_a_key_is_asked_for_once(open_page, fresh_server):
    keyed = fresh_server("--default-environment", "base")
    made = subprocess.run([str(keyed.cloche), "key", "create", "--name", "page", "--state", str(keyed.state), "--json"],
                          capture_output=True, text=True, timeout=30, check=True)
    page = open_page(origin=keyed.url)
    page.watched.expected += ["401"]
    page.get_by_label("Key").fill("cl-wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no key of this server")
    page.get_by_label("Key").fill(json.loads(made.stdout)["key"])
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".first__sentence")).to_be_visible()
    ask(page, python("print(6 * 7)"))
    answered(page)
    expect(page.locator(".cell .output--text")).to_have_text("42")
    page.reload()
    expect(page.locator(".cell .output--text")).to_have_text("42")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Command palette")).to_be_visible()
    page.keyboard.type("log out")
    page.get_by_role("option", name="Log out").click()
    expect(page.get_by_label("Key")).to_be_visible()

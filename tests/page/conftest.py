"""Playwright on Debian's Chromium, against a real server.

    chromium   one browser for the tier
    open_page  open_page(path="/", **context): a page of a fresh profile; afterwards it must have said nothing on its
               console, broken no policy and asked no other origin
    page       one of them, at the first visit
"""
import os
import tempfile

import pytest
from playwright.sync_api import expect, sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP cloche.test 127.0.0.1"]  # a name that no browser takes for this machine's own
PATIENCE_MS = 30_000  # a busy machine; nothing waits this long when all is well

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium():
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = folder  # its profiles go with it
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                yield browser
                browser.close()
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


class Watched:
    """What a page did that it must not do."""

    def __init__(self, page, origin):
        self.said, self.elsewhere, self.loaded, self.expected = [], [], [], []
        page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.said.append(str(e)))
        page.on("request", lambda r: self.elsewhere.append(r.url) if not r.url.startswith((origin, "data:", "blob:", "about:")) else None)
        page.on("response", lambda r: self.loaded.append(r))

    def faults(self):
        unexpected = [text for text in self.said if not any(part in text for part in self.expected)]
        return unexpected + [f"asked {url}" for url in self.elsewhere]


@pytest.fixture
def open_page(chromium, server):
    made = []

    def make(path="/", origin=None, **options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", "locale": "en-GB",
                                          "color_scheme": "light", "accept_downloads": True, **options})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.watched = Watched(page, origin or server.url)
        made.append(page)
        page.goto((origin or server.url) + path)
        return page

    yield make
    faults = [fault for page in made for fault in page.watched.faults()]
    for page in made:
        page.context.close()
    assert not faults, faults


@pytest.fixture
def page(open_page):
    return open_page()

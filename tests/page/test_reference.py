"""/docs and /redoc: they draw the document, break no policy and ask nobody else."""
import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("path, shown", [("/docs", ".opblock-summary-path"), ("/redoc", "h2")])
def test_the_reference_is_drawn(open_page, path, shown):
    page = open_page(path)
    expect(page.locator(shown).first).to_be_visible()
    expect(page.locator("body")).to_contain_text("Cloche")

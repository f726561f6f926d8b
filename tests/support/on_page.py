"""What a person does on the page, in words."""
from playwright.sync_api import expect


def ask(page, text, files=()):
    """Sends a message, with files when there are some; returns at once."""
    if files:
        page.locator("input[type=file]").first.set_input_files(files)
        expect(page.locator(".composer .chip[data-ready]")).to_have_count(len(files))
    page.locator("#composer").fill(text)
    page.locator("#composer").press("Control+Enter")


def answered(page, n=1):
    """Waits until n answers are complete."""
    expect(page.locator(".turn__foot").nth(n - 1)).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def python(code):
    return f"```python\n{code}\n```"


def conversation_of(page):
    return page.url.split("#/")[1].split("/")[0]


def container_of(page):
    return page.locator(".side__id").get_attribute("title")


def figures_on_screen(page, scope="body"):
    """Each figure is brought into view, loaded and of a size that can be read."""
    figures = page.locator(f"{scope} .figure__image")
    for i in range(figures.count()):
        figures.nth(i).scroll_into_view_if_needed()
        expect(figures.nth(i)).to_be_in_viewport()
        figures.nth(i).evaluate("image => image.decode()")
        box = figures.nth(i).bounding_box()
        assert box["width"] > 200 and box["height"] > 120, box
    return figures.count()

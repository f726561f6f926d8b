"""Pictures from elsewhere: nothing is asked of anybody until the reader says so, and then that picture alone."""
import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from support.on_page import answered, ask, python

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture
def elsewhere():
    """A server of somebody else: (its address, the requests that it got)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            self.send_response(200 if self.path == "/p.png" else 404)
            self.send_header("content-type", "image/png")
            self.end_headers()
            self.wfile.write(PNG if self.path == "/p.png" else b"")

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", asked
    listening.shutdown()
    listening.server_close()


@pytest.mark.data_science
def test_a_picture_from_elsewhere_is_loaded_when_asked_for(page, elsewhere):
    origin, asked = elsewhere
    page.watched.expected += ["404"]
    text = f"![a chart]({origin}/p.png) and\n\n![none]({origin}/gone.png)"
    ask(page, python(f"from IPython.display import Markdown\nMarkdown({text!r})"))
    answered(page)
    placeholder = page.locator(".outside")
    expect(placeholder.first).to_contain_text(f"a chart is at {origin[7:]}; nothing was loaded.")
    assert asked == [] and page.watched.elsewhere == []
    placeholder.first.get_by_role("button", name="Load it").click()
    frame = page.locator("iframe.outside__picture")
    expect(frame).to_have_attribute("style", "aspect-ratio: 1 / 1; max-inline-size: 1px;")
    assert page.frame_locator("iframe.outside__picture").locator("img").evaluate("image => image.naturalWidth") == 1
    assert [path for path, _ in asked] == ["/p.png"]
    headers = {name.lower(): value for name, value in asked[0][1].items()}
    assert "referer" not in headers and "cookie" not in headers and headers.get("origin", "null") == "null"
    # the frame is nobody: it reads nothing of the page and asks for nothing but pictures
    assert page.frames[1].evaluate("origin") == "null"
    page.watched.expected += ["violates the following", "Content Security Policy"]
    assert page.frames[1].evaluate(f"fetch('{origin}/stolen').catch(() => 'refused')") == "refused"
    placeholder.nth(1).get_by_role("button", name="Load it").click()
    expect(placeholder.nth(1)).to_contain_text("none could not be loaded.")
    assert [path for path, _ in asked] == ["/p.png", "/gone.png"]
    page.watched.elsewhere = [url for url in page.watched.elsewhere if not url.startswith(origin)]


NAVIGATES = """from IPython.display import HTML, Markdown, display
inner = 'location = ' + repr(FRAME) + ';parent.postMessage("left", "*")'
display(HTML('<p>inside</p><script>' + inner + '</script>'))
display(Markdown('[look](' + FRAME + ')'))"""


@pytest.mark.data_science
def test_nobody_but_the_page_has_a_picture_loaded(page, elsewhere):
    """The frame of pictures from elsewhere can be reached by an output's own frame and by a link: it asks for nothing."""
    origin, asked = elsewhere
    frame = page.locator('meta[name="frame-picture"]').get_attribute("content")
    with page.expect_event("framenavigated", lambda there: there.url.split("#")[0].endswith(frame)) as reached:
        ask(page, python(f"FRAME = {frame + '#' + origin + '/stolen'!r}\n" + NAVIGATES))
        answered(page)
    inside = reached.value
    inside.wait_for_load_state()
    # nor does it listen to anybody but the page
    inside.evaluate(f"postMessage({origin + '/stolen'!r}, '*')")
    assert inside.evaluate("new Promise((done) => setTimeout(() => done(document.images.length)))") == 0
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="look").click()
    opened.value.wait_for_load_state()
    assert opened.value.evaluate("document.images.length") == 0
    assert asked == []

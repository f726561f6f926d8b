"""GET …/notebook: what was run in a container as a notebook, a script and a page."""
import re

import nbformat
import pytest

from support.api import error_of

CODE = "%matplotlib inline\nimport pandas as pd\nprint('made <b>by</b> code', 'é😀')\npd.DataFrame({'a': [1, 2]})"


def notebook(session, fmt=None):
    answer = session.client.get(f"{session.path}/notebook", params={"format": fmt} if fmt else {})
    assert answer.status_code == 200, answer.text
    extension = fmt or "ipynb"
    assert answer.headers["content-disposition"] == f'attachment; filename="{session.id}.{extension}"'
    return answer


@pytest.fixture
def worked(session):
    session.run("x = 6 * 7\nprint('one')\nx")
    session.run("import sys; print('bad', file=sys.stderr); 1 / 0", expect="error")
    session.run("from IPython.display import display, HTML\ndisplay(HTML('<table><tr><td>1</td></tr></table><script>alert(1)</script>'))")
    return session


def test_a_valid_notebook(worked):
    answer = notebook(worked)
    assert answer.headers["content-type"] == "application/x-ipynb+json"
    book = nbformat.reads(answer.text, as_version=4)
    nbformat.validate(book)
    assert book.metadata["title"] == "test" and book.metadata["kernelspec"]["name"] == "python3"
    first, second, third = book.cells
    assert first.source == "x = 6 * 7\nprint('one')\nx" and first.execution_count == 1
    assert [o.output_type for o in first.outputs] == ["stream", "execute_result"]
    assert first.outputs[0].text == "one\n" and first.outputs[1].data["text/plain"] == "42"
    assert [o.output_type for o in second.outputs] == ["stream", "error"]
    assert second.outputs[1].ename == "ZeroDivisionError" and second.outputs[1].traceback
    assert third.outputs[0].data["text/html"].startswith("<table>")


@pytest.mark.data_science
def test_tables_and_figures(new_session):
    session = new_session(environment="data-science")
    session.run(CODE)
    session.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    book = nbformat.reads(notebook(session).text, as_version=4)
    nbformat.validate(book)
    assert "text/html" in book.cells[0].outputs[1].data
    assert book.cells[1].outputs[0].data["image/png"].startswith("iVBOR")
    page = notebook(session, "html").text
    assert 'src="data:image/png;base64,iVBOR' in page and "<iframe sandbox" in page
    assert "made &lt;b&gt;by&lt;/b&gt; code é😀" in page


def test_a_script_that_compiles(worked):
    worked.run("%pwd\n!true\ny = 1")
    script = notebook(worked, "py").text
    compile(script, "notebook.py", "exec")
    assert script.count("# %%\n") == 4 and "# %pwd\n# !true\ny = 1\n" in script


def test_a_page_that_runs_nothing(worked):
    page = notebook(worked, "html").text
    assert "default-src 'none'" in page
    assert not re.search(r"<script", page), "markup of the code stands unescaped in the page"
    assert 'srcdoc="&lt;table&gt;' in page and "ZeroDivisionError" in page


def test_nothing_ran_yet(session):
    book = nbformat.reads(notebook(session).text, as_version=4)
    nbformat.validate(book)
    assert book.cells == []


def test_a_format_nobody_knows(session):
    answer = session.client.get(f"{session.path}/notebook", params={"format": "docx"})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "format" and "'ipynb', 'py', and 'html'" in error_of(answer)["message"]


def test_an_unknown_container(client):
    assert client.get("/v1/containers/cntr_none/notebook").status_code == 404


# ---- in an order of one's own ---------------------------------------------------------------------------------------


def text(source, **more):
    return {"type": "markdown", "source": source, **more}


def ran(session, execution):
    return {"type": "code", "container_id": session.id, "execution_id": execution["id"]}


def arranged(client, cells, fmt=None, **fields):
    answer = client.post("/v1/notebooks", json={"cells": cells, **fields}, params={"format": fmt} if fmt else {})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="notebook.{fmt or "ipynb"}"'
    return answer


def test_notes_between_executions_in_an_order_of_ones_own(new_session):
    one, other = new_session(), new_session()
    first, hidden, second = one.run("print('first')"), one.run("print('hidden')"), one.run("6 * 7")
    elsewhere = other.run("1 / 0", expect="error")
    cells = [text("# Notes é😀"), ran(one, second), text("Between", role="user"), ran(other, elsewhere), ran(one, first),
             {"type": "code", "source": "not_run()"}, text("said", role="assistant"), text("")]
    book = nbformat.reads(arranged(one.client, cells, title="Mine").text, as_version=4)
    nbformat.validate(book)
    assert book.metadata["title"] == "Mine"
    assert [(c.cell_type, c.source) for c in book.cells] == [
        ("markdown", "# Notes é😀"), ("code", "6 * 7"), ("markdown", "Between"), ("code", "1 / 0"), ("code", "print('first')"),
        ("code", "not_run()"), ("markdown", "said"), ("markdown", "")]
    assert [c.metadata.get("cloche", {}).get("role") for c in book.cells if c.cell_type == "markdown"] == [None, "user", "assistant", None]
    assert book.cells[1].execution_count == 3 and book.cells[1].outputs[0].data["text/plain"] == "42"
    assert book.cells[3].outputs[-1].ename == "ZeroDivisionError" and book.cells[4].outputs[0].text == "first\n"
    assert book.cells[5].execution_count is None and book.cells[5].outputs == []

    script = arranged(one.client, cells, "py").text
    compile(script, "notebook.py", "exec")
    assert script.index("# %% [markdown]\n# # Notes é😀\n") < script.index("# %%\n6 * 7\n") < script.index("# Between\n")
    page = arranged(one.client, [text("A **note** <script>alert(1)</script>"), *cells], "html").text
    assert "<strong>note</strong>" in page and not re.search("<script", page)
    assert page.index("Between") < page.index("first")
    assert hidden["id"] and "hidden" not in script + page

    # a session that is gone is none of anybody's
    other.client.delete(other.path)
    other.deleted = True
    answer = one.client.post("/v1/notebooks", json={"cells": cells})
    assert (answer.status_code, error_of(answer)["param"]) == (404, "cells[3].container_id")


def test_an_empty_notebook_is_one(client):
    book = nbformat.reads(arranged(client, []).text, as_version=4)
    nbformat.validate(book)
    assert book.cells == []


CELLS = [
    ({}, 400, "missing_required_parameter", "cells"),
    ({"cells": "x"}, 400, "invalid_type", "cells"),
    ({"cells": [text("x")] * 10_001}, 400, "invalid_value", "cells"),
    ({"cells": [], "title": "x" * 2049}, 400, "invalid_value", "title"),
    ({"cells": [], "notes": []}, 400, "unknown_parameter", "notes"),
    ({"cells": [text("x"), 5]}, 400, "invalid_type", "cells[1]"),
    ({"cells": [text("x"), None]}, 400, "invalid_type", "cells[1]"),
    ({"cells": [{"source": "x"}]}, 400, "missing_required_parameter", "cells[0].type"),
    ({"cells": [{"type": "raw", "source": "x"}]}, 400, "invalid_value", "cells[0].type"),
    ({"cells": [{"type": "markdown"}]}, 400, "missing_required_parameter", "cells[0].source"),
    ({"cells": [{"type": "code"}]}, 400, "missing_required_parameter", "cells[0].source"),
    ({"cells": [{"type": "code", "source": 5}]}, 400, "invalid_type", "cells[0].source"),
    ({"cells": [text("x", role="system")]}, 400, "invalid_value", "cells[0].role"),
    ({"cells": [text("x", execution_id="exec_x")]}, 400, "unknown_parameter", "cells[0].execution_id"),
    ({"cells": [{"type": "code", "source": "x", "container_id": "cntr_x"}]}, 400, "unknown_parameter", "cells[0].container_id"),
    ({"cells": [{"type": "code", "execution_id": "exec_x"}]}, 400, "missing_required_parameter", "cells[0].container_id"),
    ({"cells": [{"type": "code", "execution_id": "exec_x", "container_id": "cntr_x", "source": "x"}]}, 400, "unknown_parameter", "cells[0].source"),
    ({"cells": [{"type": "code", "execution_id": "exec_x", "container_id": "../x"}]}, 404, "not_found", "cells[0].container_id"),
    ({"cells": [{"type": "code", "execution_id": "exec_x", "container_id": ""}]}, 404, "not_found", "cells[0].container_id"),
]


@pytest.mark.parametrize("body, status, code, param", CELLS)
def test_what_is_no_arrangement(client, body, status, code, param):
    answer = client.post("/v1/notebooks", json=body)
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (status, code, param), answer.text


def test_an_execution_belongs_to_its_container(new_session):
    one, other = new_session(), new_session()
    execution = other.run("1")
    for cell in (ran(one, execution), ran(one, {"id": "exec_none"}), ran(one, {"id": "../x"}), ran(one, {"id": "x" * 90})):
        answer = one.client.post("/v1/notebooks", json={"cells": [ran(other, execution), cell]})
        assert (answer.status_code, error_of(answer)["param"]) == (404, "cells[1].execution_id"), answer.text
    assert one.client.post("/v1/notebooks?format=docx", json={"cells": []}).status_code == 400


def test_a_long_title_and_a_lone_carriage_return(new_session):
    """A title is cut between characters; what was said stays a comment, whatever ends its lines."""
    session = new_session(name="é" * 120)
    book = nbformat.reads(notebook(session).text, as_version=4)
    assert book.metadata["title"] == "é" * 99
    assert notebook(session, "py").text.startswith("# " + "é" * 99 + "\n")
    script = arranged(session.client, [text("one\rprint('run')\r\nthree")], "py").content.decode()
    compile(script, "notebook.py", "exec")
    assert script == "# %% [markdown]\n# one\n# print('run')\n# three\n\n"


def test_a_long_text_costs_no_more_than_its_length(client):
    """Links and tables in it took the square of that: an hour, where nobody waits any more."""
    def page(source):
        return arranged(client, [text(source)], "html").text
    assert page("www.a.b " * 1000).count('<a href="http://www.a.b">') == 1000
    middle = page("www.a.b " * 2000 + "[a](u)")
    assert '<a href="u">a</a>' in middle and middle.count("<a ") == 1
    longer = page("www.a.b " * (4 << 17) + "[a](u) <b>")
    assert '<pre class="text">www.a.b ' in longer and "[a](u) &lt;b&gt;</pre>" in longer
    rows = "|x" * 2000 + "\n" + "|---" * 2000 + "\n" + "|\n" * 2000
    assert page(rows).count("<td>") == 4_000_000
    answer = client.post("/v1/notebooks?format=html", json={"cells": [text(rows)] * 1000})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "payload_too_large")

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

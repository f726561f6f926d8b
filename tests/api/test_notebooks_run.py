"""POST /v1/notebooks/run: an .ipynb goes in and comes back with what its cells showed."""
import copy
import json
import socket

import nbformat
import pytest

from support import machine
from support.api import error_of
from support.wire import reset


def code(source, **fields):
    return {"cell_type": "code", "id": fields.pop("id", "c"), "metadata": {}, "execution_count": 7, "source": source,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}], **fields}


def book(*cells, **fields):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **fields}


def post(client, notebook, **fields):
    text = notebook if isinstance(notebook, (str, bytes)) else json.dumps(notebook)
    return client.post("/v1/notebooks/run", files={"file": ("a.ipynb", text)}, data={"environment": "base", **fields})


def ran(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ipynb+json"
    made = nbformat.reads(answer.text, as_version=4)
    nbformat.validate(made, relax_add_props=False)
    return made


def refused(answer, status, code, message, param="file"):
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param) and message in error["message"], answer.text


def own_sessions(client):
    """Those that notebooks run in when they are given none."""
    return {c["id"] for c in client.get("/v1/containers", params={"name": "notebook", "limit": 100}).json()["data"]}


@pytest.fixture
def no_container(client):
    before = own_sessions(client)
    yield
    assert own_sessions(client) <= before, "a session stays behind"


def test_cells_run_in_one_session(client, no_container):
    made = ran(post(client, book(
        code("import sys\nx = 6 * 7\nprint('héllo'); print('bad', file=sys.stderr)", id="first"),
        {"cell_type": "markdown", "id": "words", "metadata": {"tags": ["kept"]}, "source": ["# Title\n", "text"],
         "attachments": {"a.png": {"image/png": "iVBOR"}}},
        {"cell_type": "raw", "id": "raw", "metadata": {"format": "text/latex"}, "source": "\\LaTeX"},
        code("  \n", id="blank"),
        code(["x +", " 1"], id="last", metadata={"collapsed": True, "mine": [1, {"deep": None}]}),
        metadata={"title": "Mine", "kernelspec": {"name": "conda", "display_name": "Conda"}, "widgets": {"a": 1}})))
    first, words, raw, blank, last = made.cells
    assert [c.id for c in made.cells] == ["first", "words", "raw", "blank", "last"]
    assert [(o.name, o.text) for o in first.outputs] == [("stdout", "héllo\n"), ("stderr", "bad\n")]
    assert (first.execution_count, blank.execution_count, last.execution_count) == (1, None, 2) and blank.outputs == []
    assert last.outputs[0].data["text/plain"] == "43" and last.metadata == {"collapsed": True, "mine": [1, {"deep": None}]}
    assert words.source == "# Title\ntext" and words.metadata == {"tags": ["kept"]} and words.attachments == {"a.png": {"image/png": "iVBOR"}}
    assert raw.cell_type == "raw" and raw.metadata == {"format": "text/latex"} and raw.source == "\\LaTeX"
    assert made.metadata["title"] == "Mine" and made.metadata["kernelspec"]["name"] == "conda" and made.metadata["widgets"] == {"a": 1}
    assert made.metadata["cloche"] == {"status": "completed", "failed_cell": None, "cells_run": 2}


def test_by_file_id_with_other_files(client, no_container):
    ids = [client.post("/v1/files", files={"file": (name, content)}, data={"purpose": "assistants"}).json()["id"]
           for name, content in [("a.ipynb", json.dumps(book(code("print(open('in put.txt').read())")))), ("in put.txt", "beside")]]
    body = {"file_id": ids[0], "file_ids": [ids[1]], "environment": "base", "timeout": 20}
    assert ran(client.post("/v1/notebooks/run", json=body)).cells[0].outputs[0].text == "beside\n"
    form = client.post("/v1/notebooks/run", files={"file": ("a.ipynb", json.dumps(book(code("open('in put.txt').read()"))))},
                       data={"file_ids[]": ids[1], "environment": "base", "timeout": "20.5", "keep_going": "false"})
    assert ran(form).cells[0].outputs[0].data["text/plain"] == "'beside'"
    page = client.post("/v1/notebooks/run?format=html", json=body)
    assert page.headers["content-type"] == "text/html; charset=utf-8" and ">beside" in page.text
    for file_id in ids:
        client.delete(f"/v1/files/{file_id}")


def test_in_a_container_of_the_callers(client, session):
    session.run("x = 'mine'")
    answer = client.post("/v1/notebooks/run", files={"file": ("a", json.dumps(book(code("y = x + '!'; open('made.txt', 'w').write(y)"))))},
                         data={"container_id": session.id})
    ran(answer)
    assert session.run("y")["result"] == "'mine!'" and "/mnt/data/made.txt" in session.files()
    answer = client.post("/v1/notebooks/run", files={"file": ("a", json.dumps(book()))}, data={"container_id": "cntr_none"})
    refused(answer, 404, "not_found", "Container with id 'cntr_none' not found.", "container_id")
    answer = client.post("/v1/notebooks/run", files={"file": ("a", json.dumps(book()))},
                         data={"container_id": session.id, "environment": "base"})
    refused(answer, 400, "mutually_exclusive_parameters", "'container_id' and 'environment'", "environment")


@pytest.mark.parametrize("source, timeout, status, name", [
    ("1 / 0", "20", "error", "ZeroDivisionError"),
    ("import time\nwhile True: time.sleep(0.01)", "2", "timeout", None),
    ("import os; os._exit(7)", "20", "killed", "killed"),
])
def test_a_cell_that_fails(client, no_container, source, timeout, status, name):
    cells = book(code("1", id="a"), code(source, id="b"), code("'after'", id="c"))
    made = ran(post(client, cells, timeout=timeout))
    assert made.metadata["cloche"] == {"status": status, "failed_cell": "b", "cells_run": 2}
    error = made.cells[1].outputs[-1]
    assert error.output_type == "error" and error.traceback and (name is None or error.ename == name)
    assert (made.cells[2].outputs, made.cells[2].execution_count) == ([], None)
    made = ran(post(client, cells, timeout=timeout, keep_going="true"))
    assert made.metadata["cloche"] == {"status": status, "failed_cell": "b", "cells_run": 3}
    assert made.cells[2].outputs[0].data["text/plain"] == "'after'"


@pytest.mark.data_science
def test_figures_and_tables(client, no_container):
    made = ran(post(client, book(code("import matplotlib.pyplot as plt\nplt.plot([1, 2]);"), code("import pandas as pd\npd.DataFrame({'a': [1]})")),
                    environment="data-science"))
    assert made.cells[0].outputs[0].data["image/png"].startswith("iVBOR")
    assert "<table" in made.cells[1].outputs[0].data["text/html"]


STRANGE = book(
    code("1", id="bad id!", metadata={"collapsed": "yes", "scrolled": 5, "tags": ["a", "a"], "name": "", "jupyter": 1, "execution": {"x": 1},
                                      "kept": 1}, extra="x"),
    {"cell_type": "code", "source": "2", "metadata": None},
    code("3", id="twice"), code("4", id="twice"), code("5", id="cell-6"), code("6", id=6), code("7", id="x" * 65, outputs=5, execution_count="x"),
    {"cell_type": "markdown", "source": "m", "metadata": [], "attachments": {"a": 5, "b": {"text/plain": 1}, "c": {"text/plain": ["x"]}}},
    metadata={"kernelspec": "python", "language_info": {"name": "python", "mimetype": 5}, "title": 5, "authors": {}, "orig_nbformat": 3},
    nbformat_minor="x", worksheets=[])


def test_what_nbformat_would_refuse_is_mended(client):
    made = ran(post(client, STRANGE))
    assert [c.id for c in made.cells] == ["cell-1", "cell-2", "twice", "cell-4", "cell-6", "cell-6-2", "cell-7", "cell-8"]
    assert [c.get("execution_count") for c in made.cells] == [1, 2, 3, 4, 5, 6, 7, None]
    assert made.cells[0].metadata == {"kept": 1} and made.cells[7].attachments == {"c": {"text/plain": "x"}}
    assert made.metadata["kernelspec"]["name"] == "python3" and "title" not in made.metadata and "orig_nbformat" not in made.metadata


def without(key):
    made = copy.deepcopy(book(code("1")))
    del made[key]
    return made


@pytest.mark.parametrize("notebook, status, code, message", [
    (" ", 400, "invalid_json", "not valid JSON"),
    ("{", 400, "invalid_json", "not valid JSON"),
    (b"\xff", 400, "invalid_json", "not valid JSON"),
    ("[]", 400, "invalid_value", "not a Jupyter notebook of version 4"),
    ('"x"', 400, "invalid_json", "not valid JSON"),
    ("[" * 100_000, 400, "invalid_json", "more than 64 levels deep"),
    ('{"a":' * 100_000 + "1" + "}" * 100_000, 400, "invalid_json", "more than 64 levels deep"),
    (json.dumps(book(code("1")))[:-1] + ',"nbformat":4}', 400, "invalid_json", "not valid JSON"),
    (without("nbformat"), 400, "invalid_value", "not a Jupyter notebook of version 4"),
    (without("cells"), 400, "invalid_value", "not a Jupyter notebook of version 4"),
    (book(nbformat=3), 400, "invalid_value", "not a Jupyter notebook of version 4"),
    (book(cells={}), 400, "invalid_value", "not a Jupyter notebook of version 4"),
    (book(code("1"), 5), 400, "invalid_value", "Cell 2 of the notebook is no cell of code, markdown or raw text."),
    (book({"cell_type": "heading", "source": "x"}), 400, "invalid_value", "Cell 1 of the notebook is no cell"),
    (book({"cell_type": 5, "source": "x"}), 400, "invalid_value", "Cell 1 of the notebook is no cell"),
    (book(code(5)), 400, "invalid_value", "Cell 1 of the notebook has no source."),
    (book(code(["a", 5])), 400, "invalid_value", "Cell 1 of the notebook has no source."),
    (book({"cell_type": "code"}), 400, "invalid_value", "Cell 1 of the notebook has no source."),
    (book(code("#" * ((1 << 20) + 1))), 400, "invalid_value", "Cell 1 of the notebook is longer than 1 MiB."),
    (book(code("#" * ((16 << 20) + 1))), 400, "invalid_value", "Cell 1 of the notebook is longer than 16 MiB."),
    (book(*[code("")] * 10_001), 400, "invalid_value", "more than 10000 cells"),
    (book(code("1"), metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}), 400, "unsupported_language", "Python"),
    (book(code("1"), metadata={"language_info": {"name": "julia"}}), 400, "unsupported_language", "Python"),
])
def test_hostile_notebooks(client, no_container, notebook, status, code, message):
    param = "file"
    refused(post(client, notebook), status, code, message, param)


def test_outputs_without_end(client, no_container):
    flood = "from IPython.display import display\ndisplay({'text/plain': 'x' * 30_000_000}, raw=True)"
    refused(post(client, book(*[code(flood, id=f"c{n}") for n in range(6)])), 413, "payload_too_large", "larger than 128 MiB together, with cell 5", None)


@pytest.mark.parametrize("send, status, code, message, param", [
    ({"json": {}}, 400, "missing_required_parameter", "'file_id'", "file_id"),
    ({"json": {"file_id": "file-none"}}, 404, "not_found", "No such File object: file-none", "file_id"),
    ({"json": {"file_id": 5}}, 400, "invalid_type", "expected a string", "file_id"),
    ({"json": {"file_id": "file-x", "keep_goin": True}}, 400, "unknown_parameter", "keep_going", "keep_goin"),
    ({"json": {"file_id": "file-x", "timeout": 0}}, 400, "invalid_value", "below minimum", "timeout"),
    ({"files": {"file": ("a", "")}}, 400, "missing_required_parameter", "'file'", "file"),
    ({"files": {"other": ("a", "x")}}, 400, "missing_required_parameter", "'file'", "file"),
    ({"files": {"file": ("a", json.dumps(book()))}, "data": {"timeout": "soon"}}, 400, "invalid_type", "expected a number", "timeout"),
    ({"files": {"file": ("a", json.dumps(book()))}, "data": {"timeout": "nan"}}, 400, "invalid_type", "expected a number", "timeout"),
    ({"files": {"file": ("a", json.dumps(book()))}, "data": {"environment": "none"}}, 400, "environment_not_built", "none", None),
    ({"files": {"file": ("a", json.dumps(book()))}, "data": {"file_ids[]": "file-none"}}, 404, "not_found", "No such File", "file_ids[0]"),
    ({"files": [("file", ("a", "{}")), ("file", ("b", "{}"))]}, 400, "invalid_value", "one notebook for each request", "file"),
])
def test_bad_requests(client, no_container, send, status, code, message, param):
    refused(client.post("/v1/notebooks/run", **send), status, code, message, param)


def test_who_hangs_up_ends_it(server, client, no_container):
    """The cell that runs is interrupted, no further one begins, and the session goes."""
    body = json.dumps(book(code("print('begun')\nimport time\ntime.sleep(60)"), code("open('second', 'w')")))
    form = ("--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + body +
            "\r\n--XX\r\ncontent-disposition: form-data; name=\"environment\"\r\n\r\nbase\r\n--XX--\r\n").encode()
    before = own_sessions(client)
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(b"POST /v1/notebooks/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XX\r\n"
                       b"content-length: %d\r\n\r\n" % len(form) + form)

    def begun():
        return any(client.get(f"/v1/containers/{c}/executions").json()["data"] for c in own_sessions(client) - before)

    machine.wait_until(begun, 20, "the first cell's begin")
    reset(connection)
    machine.wait_until(lambda: own_sessions(client) <= before, 20, "the session's end")

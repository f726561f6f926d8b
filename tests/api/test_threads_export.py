"""GET /v1/threads/{id}/notebook and …/results: a thread to take away."""
import nbformat
import pytest

from support.api import error_of


@pytest.fixture
def thread(client):
    uploaded = client.post("/v1/files", files={"file": ("sales é.csv", b"a\n1\n")}, data={"purpose": "assistants"}).json()["id"]
    made = client.post("/v1/threads", json={"messages": [
        {"role": "user", "content": "How *many*?", "attachments": [{"file_id": uploaded, "tools": [{"type": "code_interpreter"}]}]},
        {"role": "assistant", "content": "SUMMARY: many.\n\nMy insight: more than few."},
        {"role": "user", "content": "summary: of the user's own"}]}).json()
    yield made["id"]
    client.delete(f"/v1/threads/{made['id']}")
    client.delete(f"/v1/files/{uploaded}")


def test_messages_as_a_notebook(client, thread):
    answer = client.get(f"/v1/threads/{thread}/notebook")
    assert answer.headers["content-type"] == "application/x-ipynb+json"
    assert answer.headers["content-disposition"] == f'attachment; filename="{thread}.ipynb"'
    book = nbformat.reads(answer.text, as_version=4)
    nbformat.validate(book)
    assert [(c.cell_type, c.metadata["cloche"]["role"], c.source) for c in book.cells] == [
        ("markdown", "user", "How *many*?\n\n*File: `sales é.csv`*"),
        ("markdown", "assistant", "SUMMARY: many.\n\nMy insight: more than few."),
        ("markdown", "user", "summary: of the user's own")]


def test_script_and_page(client, thread):
    assert "# How *many*?" in client.get(f"/v1/threads/{thread}/notebook", params={"format": "py"}).text
    page = client.get(f"/v1/threads/{thread}/notebook", params={"format": "html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8" and "How <em>many</em>?" in page.text


def test_results_of_messages(client, thread):
    said = ["SUMMARY: many.\n\nMy insight: more than few."]
    assert client.get(f"/v1/threads/{thread}/results").json() == {
        "object": "thread.results", "thread_id": thread, "summaries": said, "insights": said,
        "visualizations": [], "code_blocks": [], "tables": []}


def test_more_messages_than_one_page(client):
    made = client.post("/v1/threads", json={}).json()["id"]
    for n in range(105):
        client.post(f"/v1/threads/{made}/messages", json={"role": "user", "content": f"message {n}"})
    book = nbformat.reads(client.get(f"/v1/threads/{made}/notebook").text, as_version=4)
    assert [c.source for c in book.cells] == [f"message {n}" for n in range(105)]
    client.delete(f"/v1/threads/{made}")


def test_an_empty_thread(client):
    made = client.post("/v1/threads", json={}).json()["id"]
    book = nbformat.reads(client.get(f"/v1/threads/{made}/notebook").text, as_version=4)
    nbformat.validate(book)
    assert book.cells == [] and client.get(f"/v1/threads/{made}/results").json()["code_blocks"] == []


@pytest.mark.parametrize("path", ["notebook", "results"])
def test_an_unknown_thread(client, path):
    answer = client.get(f"/v1/threads/thread_none/{path}")
    assert answer.status_code == 404 and error_of(answer)["message"] == "No thread found with id 'thread_none'."


def test_a_format_nobody_knows(client, thread):
    answer = client.get(f"/v1/threads/{thread}/notebook", params={"format": "docx"})
    assert answer.status_code == 400 and error_of(answer)["param"] == "format"


def test_by_the_command_line(call, server, thread, tmp_path):
    done = call("notebook", "export", thread, "--out", tmp_path / "t.ipynb", "--url", server.url)
    assert done.returncode == 0, done.stderr
    nbformat.validate(nbformat.read(tmp_path / "t.ipynb", as_version=4))

"""`cloche notebook`: new, run, export."""
import nbformat
import pytest

SCRIPT = "import math\n# %% [markdown]\n# # Title\n#\n# some *words*\n# %%\nprint(math.pi)\n# %% named\n1 + 1\n"


def read(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def test_new_is_empty_and_never_overwrites(call, tmp_path):
    path = tmp_path / "a.ipynb"
    assert call("notebook", "new", path).returncode == 0
    assert read(path).cells == []
    again = call("notebook", "new", path)
    assert again.returncode == 1 and "File exists" in again.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ipynb"]


def test_new_from_a_script(call, tmp_path):
    (tmp_path / "a.py").write_text(SCRIPT)
    assert call("notebook", "new", tmp_path / "a.ipynb", tmp_path / "a.py").returncode == 0
    cells = read(tmp_path / "a.ipynb").cells
    assert [(c.cell_type, c.source) for c in cells] == [
        ("code", "import math"), ("markdown", "# Title\n\nsome *words*"), ("code", "print(math.pi)"), ("code", "1 + 1")]


def notebook(path, *cells):
    make = {"code": nbformat.v4.new_code_cell, "text": nbformat.v4.new_markdown_cell}
    nbformat.write(nbformat.v4.new_notebook(cells=[make[kind](source) for kind, source in cells]), path)
    return path


def test_run_with_a_server_of_its_own(call, tmp_path):
    (tmp_path / "numbers.csv").write_text("a\n1\n2\n")
    path = notebook(tmp_path / "a.ipynb", ("text", "# Sum"), ("code", "x = open('numbers.csv').read().split()"),
                    ("code", "print(x)\nlen(x)"))
    done = call("notebook", "run", path, "--out", tmp_path / "b.ipynb", "--environment", "base",
                "--file", tmp_path / "numbers.csv")
    assert done.returncode == 0, done.stderr
    cells = read(tmp_path / "b.ipynb").cells
    assert cells[0].cell_type == "markdown" and cells[1].outputs == [] and cells[1].execution_count == 1
    assert cells[2].outputs[0].text == "['a', '1', '2']\n" and cells[2].outputs[1].data["text/plain"] == "3"
    assert read(path).cells[2].outputs == []


@pytest.mark.parametrize("flags, ran", [((), 2), (("--keep-going",), 3)])
def test_a_cell_that_fails(call, server, tmp_path, flags, ran):
    path = notebook(tmp_path / "a.ipynb", ("code", "1"), ("code", "1 / 0"), ("code", "3"))
    done = call("notebook", "run", path, "--url", server.url, "--environment", "base", *flags)
    assert done.returncode == 1 and "cell 2: error" in done.stderr
    cells = read(path).cells
    assert cells[1].outputs[0].ename == "ZeroDivisionError"
    assert sum(c.execution_count is not None for c in cells) == ran


def test_run_leaves_no_container(call, server, client, tmp_path):
    path = notebook(tmp_path / "a.ipynb", ("code", "1"))
    before = {c["id"] for c in client.get("/v1/containers?limit=100").json()["data"]}
    assert call("notebook", "run", path, "--url", server.url).returncode == 0
    assert {c["id"] for c in client.get("/v1/containers?limit=100").json()["data"]} == before


def test_export(call, server, session, tmp_path):
    session.run("print('é')")
    done = call("notebook", "export", session.id, "--url", server.url)
    assert done.returncode == 0 and nbformat.reads(done.stdout, as_version=4).cells[0].outputs[0].text == "é\n"
    for name, start in ("x.py", "# %%\nprint"), ("x.html", "<!doctype html>"):
        path = tmp_path / name
        assert call("notebook", "export", session.id, "--out", path, "--url", server.url).returncode == 0
        assert start in path.read_text()


@pytest.mark.parametrize("words, says", [
    ((), "new, run or export?"),
    (("fly",), "no `notebook fly`"),
    (("export", "nonsense"), "is no id"),
    (("export", "cntr_1", "--format", "docx"), "ipynb, py or html"),
    (("run", "a", "b"), "one FILE.ipynb"),
])
def test_wrong_usage(call, words, says):
    done = call("notebook", *words)
    assert done.returncode == 2 and says in done.stderr


def test_what_is_no_notebook(call, tmp_path):
    (tmp_path / "a.ipynb").write_text("[1]")
    done = call("notebook", "run", tmp_path / "a.ipynb")
    assert done.returncode == 1 and "not a Jupyter notebook of version 4" in done.stderr
    missing = call("notebook", "run", tmp_path / "none.ipynb")
    assert missing.returncode == 1 and "No such file" in missing.stderr
    assert call("notebook", "export", "cntr_none", "--url", "http://127.0.0.1:1").returncode == 1

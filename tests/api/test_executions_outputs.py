"""What was executed, looked at again; one output in its richest form."""
import base64

import pytest

from support.api import HELD, error_of


def test_records(session):
    first = session.run("print('one')\n1")
    second = session.run("1 / 0", expect="error")
    listed = session.client.get(f"{session.path}/executions").json()
    assert listed["data"] == [second, first] and listed["has_more"] is False
    assert listed["first_id"] == second["id"] and listed["last_id"] == first["id"]
    assert session.client.get(f"{session.path}/executions/{first['id']}").json() == first


def test_a_streamed_one_is_stored_the_same(session):
    done = [data for name, data in session.stream("print(1)") if name == "execution.completed"][0]["execution"]
    assert session.client.get(f"{session.path}/executions/{done['id']}").json() == done


def test_while_it_runs(session, server):
    for name, data in session.stream("print('x', flush=True)\n" + HELD):
        if name == "execution.output":
            with server.client() as other:
                seen = other.get(f"{session.path}/executions/{data['execution_id']}").json()
            assert seen["status"] is None and seen["id"] == data["execution_id"]
            session.release()


@pytest.mark.parametrize("path", ["exec_none", "exec_none/outputs/0", "a%2Fb", "x" * 100])
def test_unknown_ones(session, path):
    answer = session.client.get(f"{session.path}/executions/{path}")
    assert answer.status_code == 404 and error_of(answer)["code"] == "not_found"


def test_executions_of_another_session(new_session):
    mine, other = new_session(), new_session()
    done = mine.run("1")
    assert other.client.get(f"{other.path}/executions/{done['id']}").status_code == 404


def output(session, execution, n):
    return session.client.get(f"{session.path}/executions/{execution['id']}/outputs/{n}")


def test_text_and_errors(session):
    done = session.run("print('zwölf')\nraise ValueError('x')", expect="error")
    text = output(session, done, 0)
    assert text.headers["content-type"] == "text/plain; charset=utf-8" and text.text == "zwölf\n"
    error = output(session, done, 1)
    assert error.headers["content-type"].startswith("text/plain") and error.text.endswith("ValueError: x\n")


RICH = """
class Rich:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return %r
Rich()
"""


@pytest.mark.parametrize("bundle, media, content", [
    ({"text/plain": "p", "text/html": "<b>h</b>"}, "text/html; charset=utf-8", b"<b>h</b>"),
    ({"text/plain": "p", "image/png": base64.b64encode(b"\x89PNG").decode()}, "image/png", b"\x89PNG"),
    ({"text/plain": "p", "image/svg+xml": "<svg/>"}, "image/svg+xml", b"<svg/>"),
    ({"text/plain": "p", "application/json": {"a": [1]}}, "application/json", b'{"a":[1]}'),
    ({"text/plain": "p", "text/latex": "$x$"}, "text/latex; charset=utf-8", b"$x$"),
    ({"text/plain": "p"}, "text/plain; charset=utf-8", b"p"),
])
def test_the_richest_form(session, bundle, media, content):
    answer = output(session, session.run(RICH % bundle), 0)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media and answer.content == content
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("media", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"])
def test_markup_is_shut_in(session, media):
    answer = output(session, session.run(RICH % {media: "<script>1</script>"}), 0)
    assert answer.headers["content-security-policy"] == (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_media_type_that_would_be_a_header(session):
    answer = output(session, session.run(RICH % {"text/x\r\nset-cookie: a=b": "x"}, expect=None), 0)
    assert "set-cookie" not in answer.headers
    assert answer.status_code == 404 or "\r" not in answer.headers["content-type"]


@pytest.mark.parametrize("media", ["a/b\\c", 'a/"b', "a/ b", "a/\u00e9", "a/" + "b" * 200, "ab", "a/b\n"])
def test_an_unusable_media_type_costs_that_form_only(session, media):
    session.run("kept = 1")
    done = session.run(RICH % {"text/plain": "p", media: "x"})
    assert done["state"] == "kept" and list(done["outputs"][0]["data"]) == ["text/plain"]
    assert any("MIME type" in note for note in done["notes"]) and session.run("kept")["result"] == "1"


@pytest.mark.parametrize("n, status", [("5", 404), ("-1", 400), ("x", 400), ("99999999999999999999", 400), ("0", 200)])
def test_numbers(session, n, status):
    answer = output(session, session.run("1"), n)
    assert answer.status_code == status


def test_after_the_session_has_gone(session):
    done = session.run("1")
    session.delete()
    assert session.client.get(f"{session.path}/executions/{done['id']}").status_code == 404


def test_a_long_record_comes_back_whole(session):
    done = session.run("from IPython.display import display\nfor _ in range(5): display({'text/plain': 'x' * 200000}, raw=True)\nprint('y' * 60000)")
    assert session.client.get(f"{session.path}/executions/{done['id']}").json() == done


CLEAR = "from IPython.display import clear_output, display\n"


@pytest.mark.parametrize("code, outputs", [
    ("print('a'); display(1); clear_output(); print('b')", ["b\n"]),
    ("print('a')\nclear_output()", []),
    ("for n in range(20):\n    clear_output(wait=True)\n    print(n); display(n)", ["19\n", "19"]),
    ("print('a')\nclear_output(wait=True)", ["a\n"]),  # nothing came that would replace it
    ("import sys\nprint('e', file=sys.stderr)\nclear_output(wait=True)\ndisplay(5)", ["5"]),
    ("clear_output()\nprint('a' * 1_000_000)\nclear_output()\nprint('b')", ["b\n"]),
    ("for n in range(3000):\n    clear_output(wait=True)\n    display(n)", ["2999"]),  # no more than one at a time
    ("import subprocess\nsubprocess.run(['echo', 'a'])\nclear_output(wait=True)\nsubprocess.run(['echo', 'b'])\nNone", ["b\n"]),
    ("h = display(1, display_id=True)\nclear_output(wait=True)\nh.update(2)", ["2"]),  # a change is nothing new
])
def test_clear_output(session, code, outputs):
    done = session.run(CLEAR + code)
    assert [o.get("text") or o["data"]["text/plain"] for o in done["outputs"]] == outputs, done
    assert done["stdout"] == "".join(o["text"] for o in done["outputs"] if o["type"] == "stdout")
    assert done["notes"] == [] and done["truncated"] == []
    assert session.client.get(f"{session.path}/executions/{done['id']}").json()["outputs"] == done["outputs"]


def test_an_error_replaces_what_was_to_be_cleared(session):
    done = session.run(CLEAR + "print('a')\nclear_output(wait=True)\n1/0", expect="error")
    assert [o["type"] for o in done["outputs"]] == ["error"] and done["error"]["name"] == "ZeroDivisionError"


def test_clear_output_over_a_stream(session):
    """The stream has told it already; the last event has what stays."""
    found = list(session.stream(CLEAR + "print('a')\nclear_output()\nprint('b')"))
    assert [d["output"]["text"] for n, d in found if n == "execution.output"] == ["a\n", "b\n"]
    assert found[-1][1]["execution"]["stdout"] == "b\n"

"""GET …/variables: what lives in a session, without running a line of it."""
from support.api import HELD, Running


def variables(session):
    answer = session.client.get(f"{session.path}/variables")
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"data", "stale"}
    return {entry["name"]: entry for entry in answer.json()["data"]}, answer.json()["stale"]


def test_a_fresh_session(session):
    assert variables(session) == ({}, False)


def test_builtin_types(session):
    session.run("number = 42\ntext = 'hällo'\nitems = [1, 2, 3]\ntable = {'a': 1}\n_hidden = 1\nimport os\ndef f(): pass")
    found, stale = variables(session)
    assert not stale and {"number", "text", "items", "table"} <= set(found) and "_hidden" not in found
    assert found["number"]["type"] == "int" and found["number"]["preview"] == "42"
    assert set(found["number"]) == {"name", "type", "shape", "preview"} and "hällo" in found["text"]["preview"]


def test_no_repr_of_the_users_runs(session):
    session.run("class Evil:\n    def __repr__(self): open('ran', 'w'); return 'x'\n    __str__ = __len__ = __repr__\n"
                "evil = Evil()\nclass Sub(int):\n    __repr__ = Evil.__repr__\nsub = Sub(1)\ninside = [evil]")
    found, _ = variables(session)
    assert found["evil"]["type"].endswith("Evil")
    assert "/mnt/data/ran" not in session.files()


def test_long_values_are_cut(session):
    session.run("long = 'x' * 10_000_000\nmany = list(range(1_000_000))")
    answer = session.client.get(f"{session.path}/variables")
    assert len(answer.content) < 100_000


def test_stale_while_something_runs(session, server):
    session.run("a = 1")
    variables(session)
    running = Running(server, session, "b = 2\n" + HELD)
    found, stale = variables(session)
    assert stale and "a" in found and "b" not in found
    session.release()
    running.join()
    found, stale = variables(session)
    assert not stale and "b" in found

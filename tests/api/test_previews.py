"""What a model is shown of attached files before it asks: how they begin, and samples of those too large."""
import io
import json
import re
import zipfile

import pytest

from support.api import error_of
from support.provider import KEY, Provider, Turn, python
from support.server import Server

SALES = "date,region,email,salary\n" + "".join(
    f"2024-01-{n % 28 + 1:02},{'NS'[n % 2]},p{n}@example.com,{1000 + n}\n" for n in range(20000))


@pytest.fixture(scope="module")
def models():
    """Answers "Done." to everything but one question."""
    with Provider(lambda request: Turn("It is ann@example.com." if request.seen.items[-1].get("text") == "Who?" else "Done.")) as scripted:
        yield scripted
    assert not scripted.violations, scripted.violations


@pytest.fixture(scope="module")
def shared(cloche, environments, tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("previews")
    where = {"base_url": models.base_url("chat"), "api_key_env": "SCRIPTED_KEY"}
    (folder / "config.json").write_text(json.dumps({
        "providers": {"near": {**where, "local": True}, "far": where,
                      "words": {**where, "local": True, "tools": False}},
        "models": {"*/small": {"context": 40000}, "*/priced": {"context": 1000000}},
        "prices": {"priced": {"input": 10, "output": 10}},
        "redaction": {"patterns": ["email", "card"], "columns": ["salary"]}}))
    with Server(cloche, folder / "state", environments, "--config", str(folder / "config.json"), "--find-local", "off",
                env={"SCRIPTED_KEY": KEY}) as running:
        yield running


@pytest.fixture
def ask(shared, models):
    """ask({name: content}, …) -> (the response, what the model was told in the person's name)."""
    with shared.client() as client:
        def asked(files, model="near/gpt", expect=200, session=None, **fields):
            session = session or client.post("/v1/containers", json={"name": "previews"}).json()["id"]
            for name, content in files.items():
                kept = client.post(f"/v1/containers/{session}/files", files={"file": (name, content)})
                assert kept.status_code == 200, kept.text
            del models.requests[:]
            answer = client.post("/v1/responses", json={
                "model": model, "input": "Look.", "tools": [{"type": "code_interpreter", "container": session}], **fields})
            assert answer.status_code == expect, answer.text
            if expect != 200:
                return answer, ""
            seen = models.requests[0].seen
            return answer.json(), "\n".join(i["text"] for i in seen.items if i.get("role") == "user")
        asked.client = client
        yield asked


def test_a_table(ask, models):
    _, told = ask({"sales.csv": SALES})
    preview = re.search(r'<preview of="/mnt/data/sales.csv">\n(.*?)\n</preview>', told, re.S).group(1).split("\n")
    assert told.startswith("Look.")
    assert preview[0] == "A table of 20,000 rows, fields separated by commas."
    assert preview[1] == "4 columns: date (date), region (text), email (text), salary (integer)"
    assert preview[2:4] == ["date,region,email,salary", "2024-01-01,N,p0@example.com,1000"] and len(preview) == 8
    system = models.requests[0].seen.system
    assert "/mnt/data/sales.csv (" in system and "p0@" not in system


def test_other_kinds(ask):
    _, told = ask({"r.json": json.dumps([{"name": "Ann", "age": 3}, {"name": "Bo", "age": None}]),
                   "l.jsonl": '{"a": 1}\n{"a": 2}\n', "semi.csv": "a;b\n1,5;x\n2,5;y\n", "n.txt": "one\ntwo\n",
                   "empty.csv": "", "odd.bin": bytes(range(256)) * 40})
    assert 'JSON: a list of 2 records.\n2 columns: name (text), age (integer)\n{"name": "Ann", "age": 3}' in told
    assert 'JSON, one record on each of 2 lines.\n1 column: a (integer)\n{"a": 1}' in told
    assert "2 rows, fields separated by semicolons, numbers with a decimal comma." in told
    assert "Text of 2 lines. It begins:\none\ntwo" in told
    assert "empty.csv" not in told and "odd.bin is not text" in told


@pytest.mark.data_science
def test_a_workbook(ask):
    maker = ask.client.post("/v1/containers", json={"name": "maker", "environment": "data-science"}).json()["id"]
    made = ask.client.post(f"/v1/containers/{maker}/execute", json={"code": (
        "import pandas as pd\nw = pd.ExcelWriter('b.xlsx')\n"
        "pd.DataFrame({'city': ['Oslo', 'Rome'], 'n': [1, 2]}).to_excel(w, sheet_name='Cities', index=False)\n"
        "pd.DataFrame({'x': [0.5]}).to_excel(w, sheet_name='More', index=False)\nw.close()")}).json()
    content = ask.client.get(f"/v1/containers/{maker}/files/{made['files'][0]['id']}/content").content
    _, told = ask({"b.xlsx": content})
    assert "An Excel workbook with 2 sheets.\nSheet 'Cities', 3 lines.\n2 columns: city (text), n (integer)\ncity,n\nOslo,1" in told
    assert "Sheet 'More'" in told


def test_a_file_that_breaks_its_reader_costs_nothing(ask):
    """A workbook that unpacks to far more than the reader may have: no preview, and the variables are there."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.xml", b" " * (600 << 20))
    session = ask.client.post("/v1/containers", json={"name": "kept"}).json()["id"]
    path = f"/v1/containers/{session}"
    ask.client.post(f"{path}/execute", json={"code": "kept = 42"})
    _, told = ask({"after.csv": "a,b\n1,2\n", "bomb.xlsx": bomb.getvalue(), "n.txt": "plain"}, session=session)
    assert "Text of 1 line" in told
    answer = ask.client.post(f"{path}/execute", json={"code": "kept"}).json()
    assert answer["result"] == "42" and answer["state"] == "kept"
    listed = ask.client.get(f"{path}/executions").json()["data"]
    assert len(listed) == 2, "previews are no executions"


def test_modules_beside_the_file_are_not_run(ask):
    _, told = ask({"csv.py": "raise SystemExit", "random.py": "raise SystemExit", "t.csv": "a,b\n1,2\n"})
    assert "A table of 1 row" in told


def test_masked_for_a_remote_model(ask):
    response, told = ask({"sales.csv": SALES}, model="far/gpt")
    assert "2024-01-01,N,[email],[salary]" in told and "@example.com" not in told and ",1000" not in told
    assert response["cloche"]["masked"] == {"email": 5, "column:salary": 5}
    _, told = ask({"r.json": json.dumps([{"who": "a@b.example", "salary": 77}])}, model="far/gpt")
    assert "77" not in told and "a@b.example" not in told


CARD = "4111 1111 1111 1111"
PADS = ["w " * 20 + "x" * n for n in range(24)]  # a value behind each stands across every place where it may be cut


def halves(told):
    """What is left of the e-mail addresses and cards of a text."""
    return re.findall(r"ann|@|4111|1111", told)


@pytest.mark.parametrize("value", ["annabel.long.name@mail.example.com", CARD, CARD.replace(" ", "")])
def test_what_is_cut_is_masked_too(ask, value):
    long = [" ".join([pad, value, "end. " * 90]) for pad in PADS]
    at_300 = [" ".join(["w " * 125 + pad[40:], value, "end. " * 90]) for pad in PADS]
    _, told = ask({"t.csv": "name,note\n" + "".join(f"N,{text}\n" for text in long[:5]),
                   "u.csv": "name,note\n" + "".join(f"N,{text}\n" for text in long[5:10]),
                   "l.txt": "\n".join(at_300[:12]), "m.txt": "\n".join(at_300[12:]),
                   "r.json": json.dumps([{"note": text} for text in at_300[:5]]),
                   "j.jsonl": "".join(json.dumps({"note": text}) + "\n" for text in at_300[14:]),
                   "d.json": json.dumps({"one": ["w " * 340 + "x" * 8, value, "end. " * 90]})}, model="far/gpt")
    assert told.count("<preview") == 7 and "w w w" in told and not halves(told), halves(told)


def test_names_that_code_gave_are_masked(ask, models):
    session = ask.client.post("/v1/containers", json={"name": "named"}).json()["id"]
    ask.client.post(f"/v1/containers/{session}/execute", json={"code": "open('ann@example.com.txt', 'w').write('x')"})
    ask({"bob@example.com.txt": "plain"}, session=session, model="far/gpt")
    system = models.requests[0].seen.system
    assert "ann@" not in system and "/mnt/data/[email] (1 bytes)" in system and "/mnt/data/bob@example.com.txt (" in system
    ask({}, session=session, model="near/gpt")
    assert "/mnt/data/ann@example.com.txt (" in models.requests[0].seen.system


def test_a_local_answer_is_masked_for_a_remote_model(ask, models):
    """The next run of a conversation may be another model's."""
    first = ask.client.post("/v1/responses", json={"model": "near/gpt", "input": "Who?"}).json()
    del models.requests[:]
    answer = ask.client.post("/v1/responses", json={"model": "far/gpt", "input": "And?", "previous_response_id": first["id"]})
    assert answer.status_code == 200, answer.text
    assert [i["text"] for i in models.requests[0].seen.items] == ["Who?", "It is [email].", "And?"]


SEPARATOR = "\u2028"  # three bytes, and six in JSON


def test_names_too_long_for_one_question(ask):
    """More than a pipe takes whole is not asked for: the newest files are shown, and the kernel goes on."""
    session = ask.client.post("/v1/containers", json={"name": "long"}).json()["id"]
    path = f"/v1/containers/{session}"
    ask.client.post(f"{path}/execute", json={"code": "kept = 42"})
    _, told = ask({chr(97 + n) + SEPARATOR * 84: f"content {n}" for n in range(8)}, session=session)
    assert 0 < told.count("<preview") < 8 and "content 7" in told
    assert ask.client.post(f"{path}/execute", json={"code": "kept"}).json()["result"] == "42"


def random_rows(told):
    drawn = told.split("Random rows from all of the file:")[1].split("</preview>")[0]
    return [int(n) for n in re.findall(r",(\d+)$", drawn, re.M)]


def test_a_sample_of_what_is_beyond_the_context(ask):
    response, told = ask({"sales.csv": SALES, "few.csv": "a,b\n1,2\n"}, model="near/small", sample=True)
    rows = random_rows(told)
    assert "The first rows:\ndate,region,email,salary\n2024-01-01,N,p0@example.com,1000\n" in told
    assert len(rows) > 50 and rows == sorted(rows) and rows[0] < 6000 and rows[-1] > 16000
    assert "too large to be read whole" in told and told.count("Random rows") == 1
    assert len(told) < 40000 / 4 * 3 + 2000, "a quarter of the context, and what else there is"
    assert [n for n in response["cloche"]["notices"] if n.startswith("sales.csv is too large")]
    again = ask({"sales.csv": SALES}, model="near/small", sample=True)[1]
    assert random_rows(again) == rows, "the same file gives the same sample"


def test_a_sample_of_what_is_beyond_the_budget(ask):
    _, whole = ask({"sales.csv": SALES}, model="near/priced", budget=20, sample=True)
    assert "Random rows" not in whole
    response, told = ask({"sales.csv": SALES}, model="near/priced", budget=0.2, sample=True)
    assert random_rows(told) and response["status"] == "completed"
    assert response["cloche"]["cost"] <= 0.2


def test_no_sample_unless_asked(ask):
    _, told = ask({"sales.csv": SALES}, model="near/small")
    assert "<preview" in told and "Random rows" not in told
    refused, _ = ask({}, sample="yes", expect=400)
    assert error_of(refused)["param"] == "sample"


def test_a_sample_in_chat_completions(ask, models):
    session = ask.client.post("/v1/containers", json={"name": "chat"}).json()["id"]
    ask.client.post(f"/v1/containers/{session}/files", files={"file": ("sales.csv", SALES)})
    del models.requests[:]
    answer = ask.client.post("/v1/chat/completions", json={
        "model": "near/small", "messages": [{"role": "user", "content": "Look."}], "sample": True,
        "tools": [{"type": "code_interpreter", "container": session}]})
    assert answer.status_code == 200, answer.text
    assert "Random rows" in models.requests[0].seen.items[-1]["text"]


def test_a_model_without_calls_is_shown_them_too(ask, models):
    _, told = ask({"sales.csv": SALES}, model="words/gpt")
    assert "A table of 20,000 rows" in told and not models.requests[0].seen.tools


def test_no_previews_where_they_are_off(fresh_server, provider):
    scripted = provider([Turn(python("1")), Turn("Done.")])
    server = fresh_server("--previews", "off", env=scripted.environment("chat"))
    with server.client() as client:
        session = client.post("/v1/containers", json={"name": "off"}).json()["id"]
        client.post(f"/v1/containers/{session}/files", files={"file": ("a.csv", "a,b\n1,2\n")})
        client.post("/v1/responses", json={"model": "openai/gpt-scripted", "input": "Look.",
                                           "tools": [{"type": "code_interpreter", "container": session}]})
    assert [item["text"] for item in scripted.requests[0].seen.items] == ["Look."]

"""cloche_analyst over a corpus of files made by analyst_files.py: profiles, questions, hostile files.

Everything is computed once, by analyst_driver.py under the interpreter that is tested."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from conftest import PYTHON

pytestmark = pytest.mark.timeout(400)  # whichever test comes first waits for the whole corpus

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent.parent / "src/kernel/python"
SUMMARY = re.compile(r"^----- summary -----\n(.*)\n----- end of summary -----$", re.S | re.M)


def computed(python, folder, out):
    done = subprocess.run([python, HERE / "analyst_driver.py", LIBRARY, folder, out], capture_output=True, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    if subprocess.run([PYTHON, "-c", "import pandas, statsmodels, sklearn, docx, pypdf"], stderr=subprocess.DEVNULL).returncode:
        if os.environ.get("CLOCHE_MUST_WORK"):
            pytest.fail(f"{PYTHON} has not the packages of data-science")
        pytest.skip(f"{PYTHON} has not the packages of data-science")
    folder = tmp_path_factory.mktemp("corpus")
    subprocess.run([PYTHON, HERE / "analyst_files.py", folder], check=True, timeout=200)
    return folder


@pytest.fixture(scope="session")
def said(corpus, tmp_path_factory):
    return computed(PYTHON, corpus, tmp_path_factory.mktemp("out"))


@pytest.fixture
def summary(said):
    def of(name):
        entry = said["files"][name]
        assert "traceback" not in entry and "refused" not in entry, entry
        return SUMMARY.search(entry["text"]).group(1)
    return of


def test_no_file_ends_in_a_traceback(said):
    for kind in ("files", "safe"):
        for name, entry in said[kind].items():
            assert "traceback" not in entry, f"{name}: {entry['traceback']}"
    for name, entry in said["safe"].items():
        assert SUMMARY.search(entry["text"]), f"{name}: {entry['text'][-500:]}"


def test_nothing_warns(said):
    assert {name: entry["warnings"] for name, entry in said["files"].items() if entry["warnings"]} == {}


@pytest.mark.parametrize("name, words", [
    ("empty.csv", "is empty"), ("blank-lines.csv", "blank lines"), ("header-only.csv", "a header and no rows"), ("binary.csv", "not text"),
    ("truncated.xlsx", "damaged"), ("encrypted.xlsx", "password"), ("not-a-workbook.xlsx", "not"), ("empty-workbook.xlsx", "empty"),
    ("broken.pdf", "damaged"), ("locked.pdf", "password"), ("broken.json", "not valid JSON"), ("deep.json", "nested too deeply"),
    ("archive.zip", "zip archive"), ("png-cut.png", "damaged"), ("database.csv", "SQLite")])
def test_a_hostile_file_is_refused_in_a_sentence(said, name, words):
    refused = said["files"][name].get("refused")
    assert refused and words in refused and refused.endswith("."), said["files"][name]


@pytest.mark.parametrize("name, words", [
    ("sales.csv", ["400 rows of 8 columns", "from 2 Jan 2023 to", "North brings", "`rating` is missing in"]),
    ("european.csv", ["400 rows of 8 columns", "North brings", "`revenue` adds up to 228,794"]),
    ("book.xlsx", ["3 sheets, 1 of them empty", "`region` links Orders and Targets", "**Orders:**"]),
    ("iris.csv", ["tells the values of `species` apart best", "setosa"]),
    ("breast_cancer.csv", ["move as one"]),
    ("co2.csv", ["rises", "highest in May", "lowest in October"]),
    ("sunspots.csv", ["from 1700 to 2008", "1957"]),
    ("macrodata.csv", ["from 1959 to 2009", "move as one"]),
    ("chinese.csv", ["`销售额` adds up to", "2023"]),
    ("chinese.xlsx", ["`销售额` adds up to"]),
    ("records.json", ["50 rows of 8 columns"]),
    ("nested.json", ["60 rows of 5 columns"]),
    ("lines.jsonl", ["1 line is not valid JSON", "49 rows"]),
    ("settings.json", ["not a table"]),
    ("columns.json", ["30 rows of 2 columns"]),
    ("prose.txt", ["seedling", "counted, not understood"]),
    ("latin1.txt", ["Größe"]),
    ("chinese.txt", ["数据"]),
    ("server.log", ["600 lines", "17 ERROR", "disk /dev/sda"]),
    ("report.pdf", ["2 pages", "The year", "1 table was found"]),
    ("minutes.docx", ["board"]),
    ("red.png", ["80 × 60", "#c81e1e"]),
    ("careless.csv", ["a `revenue` of 4,000,000", "−999 in", "repeat an earlier row", "in 1 it does not", "in more than one way"]),
    ("bad-lines.csv", ["5 lines were left out", "line 11"]),
    ("open-quote.csv", ["never closed"]),
    ("no-header.csv", ["no header"]),
    ("twins.csv", ["occurs more than once"]),
    ("formulas.xlsx", ["26 of 26 formulas have no saved result", "hidden"]),
    ("mixed.csv", ["mixes numbers and text", "are not dates"]),
    ("all-missing.csv", ["no value at all"]),
    ("infinite.csv", ["1 infinite value"]),
    ("prices.csv", ["`price` is 1,020 on average"]),
    ("utf16.csv", ["3 rows of 2 columns"]),
    ("wide.csv", ["200 columns"]),
    ("large.csv", ["500,000 rows"]),
    ("one-row.csv", ["1 row"]),
    ("titles.csv", ["12 rows of 3 columns"]),
    ("dates-as-text.csv", ["from 1 Jan 2024 to 30 Mar 2024"]),
])
def test_a_profile_says_what_matters(summary, name, words):
    text = summary(name)
    for word in words:
        assert word in text, text


@pytest.mark.parametrize("name, least", [("sales.csv", 4), ("iris.csv", 3), ("book.xlsx", 4), ("co2.csv", 2), ("server.log", 1), ("prose.txt", 1)])
def test_figures_are_shown_few_and_not_none(said, name, least):
    assert least <= said["files"][name]["figures"] <= 9


def test_names_of_columns_stay_text(summary, said):
    text = summary("hostile-names.csv")
    assert "[link](http://evil.example)" not in re.sub(r"`[^`]*`", "", text), text


def test_every_question_is_answered_without_an_error(said):
    for kind in ("questions", "follow_ups"):
        assert said[kind]
        for question, entry in said[kind].items():
            assert "traceback" not in entry, f"{question}: {entry}"
            assert "code" in entry, f"{question}: {entry['text']}"
            answer = entry.get("answer", {"text": "a profile"})
            assert "traceback" not in answer and answer["text"].strip(), f"{question}:\n{entry['code']}\n{answer}"


@pytest.mark.parametrize("question, words", [
    ("sales.csv: total revenue by region", ["Total revenue by region: highest for North (96,740.50)"]),
    ("sales.csv: top 2 products by revenue", ["Lamp", "Chair"]),
    ("sales.csv: mean revenue in 2023", ["Mean revenue, date 2023: 596.72"]),
    ("sales.csv: revenu by reigon", ["Total revenue by region"]),
    ("sales.csv: orders with revenue greater than 1500", ["32 rows"]),
    ("sales.csv: number of rows where quantity is at least 10", ["221"]),
    ("sales.csv: missing values", ["78 of 3,200 cells"]),
    ("sales.csv: convert this dataset to excel", ["Saved 400 rows as sales.xlsx"]),
    ("sales.csv: how many different products?", ["3"]),
    ("european.csv: revenue by region", ["highest for North (96,740.50)"]),
    ("book.xlsx: target by manager", ["highest for Ada"]),
    ("chinese.csv: 每个地区的销售额", ["Total 销售额 by 地区"]),
])
def test_answers_have_the_right_numbers(said, question, words):
    text = said["questions"][question]["answer"]["text"]
    for word in words:
        assert word in text, text


def test_follow_ups_keep_what_they_do_not_change(said):
    found = said["follow_ups"]
    assert "Median revenue by region" in found["sales.csv: and the median"]["answer"]["text"]
    assert "axis.pie" in found["sales.csv: now as a pie chart"]["code"]
    assert "region North" in found["sales.csv: only for North"]["answer"]["text"]


def test_code_for_a_plain_table_is_plain_pandas(said):
    code = said["questions"]["sales.csv: total revenue by region"]["code"]
    assert "cloche" not in code and "pd.read_csv" in code


def test_a_file_too_big_to_be_read_whole_is_sampled_and_says_so(corpus, tmp_path):
    code = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom cloche_analyst import delimited, profiling\n"
            "import matplotlib; matplotlib.use('agg')\ndelimited.LARGE = 1 << 20; delimited.KEEP_ROWS = 20_000\n"
            "profiling.examine(sys.argv[2])")
    done = subprocess.run([PYTHON, "-c", code, LIBRARY, corpus / "large.csv"], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    text = SUMMARY.search(done.stdout).group(1)
    assert "500,000 rows" in text and re.search(r"a random sample of [\d,]+ of its 500,000 rows", text), text


def test_without_pandas_the_profile_is_simpler_and_says_so(corpus, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("sales.csv", "european.csv", "records.json", "lines.jsonl", "empty.csv", "binary.csv", "book.xlsx", "prose.txt", "report.pdf"):
        (few / name).write_bytes((corpus / name).read_bytes())
    python = "/usr/bin/python3"
    assert subprocess.run([python, "-c", "import pandas"], stderr=subprocess.DEVNULL).returncode, "this test wants a Python without pandas"
    out = tmp_path / "out"
    out.mkdir()
    files = computed(python, few, out)["files"]
    for name, entry in files.items():
        assert "traceback" not in entry, f"{name}: {entry}"
    for name in ("sales.csv", "european.csv", "records.json"):
        assert "pandas is not installed" in files[name]["text"], files[name]
    assert "400 rows" in files["sales.csv"]["text"] and "needs pandas" in files["book.xlsx"]["refused"]

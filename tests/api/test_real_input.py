"""A real table through one session, over several executions, and back out again."""
import base64
import csv
import io
import os
import subprocess
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from support.api import brief

pytestmark = pytest.mark.data_science

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tables(server):
    """El Niño from statsmodels and diabetes from scikit-learn, as CSV and XLSX, exported by Cloche itself."""
    code = """
import statsmodels.api as sm
from sklearn.datasets import load_diabetes
tables = {"elnino": sm.datasets.elnino.load_pandas().data, "diabetes": load_diabetes(as_frame=True).frame}
for name, table in tables.items():
    table.to_csv(f"{name}.csv", index=False)
    table.to_excel(f"{name}.xlsx", index=False)
"""
    with server.client() as client:
        answer = client.post("/v1/execute", json={"code": code, "environment": "data-science", "timeout": 60})
        assert answer.status_code == 200, answer.text
        execution = answer.json()
        assert execution["status"] == "completed", brief(execution)
        assert execution["container_id"] is None
        return {Path(entry["path"]).name: base64.b64decode(entry["content"]) for entry in execution["files"]}


def test_the_exported_tables_are_real(tables):
    assert set(tables) == {"elnino.csv", "elnino.xlsx", "diabetes.csv", "diabetes.xlsx"}
    rows = list(csv.DictReader(io.StringIO(tables["elnino.csv"].decode())))
    assert len(rows) == 61 and float(rows[0]["YEAR"]) == 1950
    sheet = openpyxl.load_workbook(io.BytesIO(tables["diabetes.xlsx"])).active
    assert sheet.max_row == 443 and sheet.max_column == 11


def pngs(execution):
    return [base64.b64decode(output["data"]["image/png"]) for output in execution["outputs"]
            if output["type"] in ("display_data", "execute_result") and "image/png" in output["data"]]


def is_picture(data):
    """A PNG that something was drawn on."""
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    return min(picture.size) > 100 and len(picture.convert("RGB").getcolors(1 << 24)) > 10


def yearly_means(text):
    found = {}
    for row in csv.DictReader(io.StringIO(text)):
        months = [float(value) for name, value in row.items() if name != "YEAR"]
        found[int(float(row["YEAR"]))] = sum(months) / len(months)
    return found


def test_several_executions_of_one_analysis(new_session, tables):
    session = new_session(environment="data-science")
    for name in ("elnino.csv", "elnino.xlsx"):
        uploaded = session.upload(name, tables[name])
        assert uploaded["path"] == f"/mnt/data/{name}" and uploaded["bytes"] == len(tables[name])

    loaded = session.run("import pandas as pd\nfrom_csv, from_excel = pd.read_csv('elnino.csv'), pd.read_excel('elnino.xlsx')\n"
                         "from_csv.equals(from_excel.astype(from_csv.dtypes)), from_csv.shape")
    assert loaded["result"] == "(True, (61, 13))"

    described = session.run("from_csv.describe()")
    rich = next(o for o in described["outputs"] if o["type"] == "execute_result")["data"]
    assert "<table" in rich["text/html"] and "count" in rich["text/plain"]

    session.run("long = from_csv.melt(id_vars='YEAR', var_name='month', value_name='celsius').dropna()\n"
                "long['YEAR'] = long['YEAR'].astype(int)")
    grouped = session.run("by_year = long.groupby('YEAR')['celsius'].mean().reset_index()\nlen(by_year)")
    assert grouped["result"] == "61" and grouped["state"] == "kept"

    fitted = session.run("import statsmodels.formula.api as smf\nmodel = smf.ols('celsius ~ YEAR', data=by_year).fit()\n"
                         "print(f\"{model.params['YEAR']:.6f}\")")
    slope = float(fitted["stdout"])

    means = yearly_means(tables["elnino.csv"].decode())
    years, values = list(means), list(means.values())
    mean_year, mean_value = sum(years) / len(years), sum(values) / len(values)
    expected = (sum((x - mean_year) * (y - mean_value) for x, y in means.items())
                / sum((x - mean_year) ** 2 for x in years))
    assert slope == pytest.approx(expected, abs=1e-5)

    drawn = session.run("""
import matplotlib.pyplot as plt
print("one")
plt.figure(); plt.plot(by_year['YEAR'], by_year['celsius']); plt.title('Niño 年平均 °C'); plt.show()
print("two")
plt.figure(); plt.hist(long['celsius'], bins=30); plt.show()
print("three")
plt.figure(); plt.scatter(model.fittedvalues, model.resid)
""")
    assert len(pngs(drawn)) == 3 and all(is_picture(data) for data in pngs(drawn))
    order = [o["text"].strip() if o["type"] == "stdout" else "figure" for o in drawn["outputs"]
             if o["type"] != "execute_result"]  # the last value, what scatter() returned
    assert order == ["one", "figure", "two", "figure", "three", "figure"]
    assert not drawn["stderr"], drawn["stderr"]  # a glyph that is missing would be a warning

    written = session.run("by_year.to_excel('summary.xlsx', index=False)\n"
                          "figure = plt.figure(); plt.plot(by_year['YEAR'], by_year['celsius'])\n"
                          "figure.savefig('warming.png'); plt.close(figure)")
    files = {Path(f["path"]).name: f for f in written["files"]}
    assert set(files) == {"summary.xlsx", "warming.png"}
    assert all(f["change"] == "created" for f in files.values())

    sheet = openpyxl.load_workbook(io.BytesIO(session.download(files["summary.xlsx"]["id"]))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("YEAR", "celsius")
    assert {int(year): value for year, value in rows[1:]} == {year: pytest.approx(value) for year, value in means.items()}
    assert is_picture(session.download(files["warming.png"]["id"]))


def test_a_model_on_the_diabetes_table(new_session, tables):
    session = new_session(environment="data-science")
    session.upload("diabetes.csv", tables["diabetes.csv"])
    session.run("import pandas as pd\nfrom sklearn.linear_model import LinearRegression\n"
                "table = pd.read_csv('diabetes.csv')\nfeatures = table.drop(columns='target')")
    score = session.run("round(LinearRegression().fit(features, table['target']).score(features, table['target']), 4)")
    assert score["result"] == "0.5177"  # the figure of scikit-learn's own documentation


@pytest.mark.parametrize("run", range(2))
def test_the_same_as_a_script(cloche, environments, tables, tmp_path, run):
    table = tmp_path / "table.xlsx"
    table.write_bytes(tables["elnino.xlsx"])
    out = tmp_path / "out"
    done = subprocess.run([cloche, "run", ROOT / "examples" / "analysis.py", "--file", table, "--out", out],
                          env=os.environ | {"CLOCHE_ENVIRONMENTS": str(environments)}, capture_output=True, text=True,
                          timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("61 years, slope ")
    assert {path.name for path in out.iterdir()} == {"summary.xlsx", "warming.png"}
    sheet = openpyxl.load_workbook(out / "summary.xlsx").active
    assert sheet.max_row == 62
    assert is_picture((out / "warming.png").read_bytes())


def test_out_never_overwrites(cloche, environments, tables, tmp_path):
    (tmp_path / "table.xlsx").write_bytes(tables["elnino.xlsx"])
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.xlsx").write_bytes(b"mine")
    subprocess.run([cloche, "run", ROOT / "examples" / "analysis.py", "--file", tmp_path / "table.xlsx", "--out", out],
                   env=os.environ | {"CLOCHE_ENVIRONMENTS": str(environments)}, check=True, capture_output=True, timeout=100)
    assert (out / "summary.xlsx").read_bytes() == b"mine"
    assert (out / "summary (2).xlsx").exists()

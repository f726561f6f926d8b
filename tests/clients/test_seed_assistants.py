"""The seed's samples (tests/seeds/assistants), run as they stand by two clients: the newest openai-python, and 1.20.0, the last with
`file_ids=` on messages. First with a model that says what this test wrote down, then with the offline analyst."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import openpyxl
import pytest
from support import machine
from support.api import Session
from support.provider import Gate, Provider, Refuse, Turn, asked, python
from support.server import Server

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "seeds" / "assistants"
MODEL = "gpt-4-1106-preview"  # the samples'
CLIENTS = ("newest", "1.20")
PIECES = ("basic", "notebook", "extraction", "streaming", "workflow", "retries")
MORE = ("end_to_end", "cost", "hybrid_analyzer", "hybrid_workflow")
pytestmark = pytest.mark.data_science

READ = """\
import pandas as pd
sheets = pd.read_excel('/mnt/data/sales_data.xlsx', sheet_name=None)
for name, df in sheets.items():
    print(name, df.shape)"""
WRITE = "sheets['North'].to_csv('/mnt/data/north.csv', index=False)"
PLOT = "import matplotlib.pyplot as plt\nsheets['North'].plot(x='month', y='revenue'); plt.show()"
REPORT = """\
Summary: three sheets. Insight: the North sells more in spring — π ≈ 3.

See [the North's rows](sandbox:/mnt/data/north.csv)."""
ANALYSIS = [Turn("I look at the file. ", python(READ, size=20)), Turn(python(WRITE)), Turn(python(PLOT)), Turn(*REPORT.split("—"))]
PLAN = "Plan:\n```python\nimport pandas as pd\n# %%\npd.ExcelFile('sales_data.xlsx').sheet_names\n```"
SCRIPTS = {
    "Analyze this Excel file and create a summary report": ANALYSIS,
    "Perform statistical analysis on this Excel file": ANALYSIS,
    "Explore it.": [Turn(PLAN)],
    "Report on ['North', 'South', 'Notes']": [Turn("Three sheets were analysed.")],
    "Show me tables.": [Turn(python("import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\ndisplay(df)\ndf.describe()")),
                        Turn(python("1 / 0")), Turn("Insight: two rows.")],
    "Please perform a comprehensive analysis of this Excel file": [
        Turn(python(READ.replace("sales_data", "sales_report"))), Turn("Everything ", "is analysed.")],
}


def workbook(path):
    """Three sheets: numbers with gaps and a column that nobody may see; a single column of numbers; words."""
    book = openpyxl.Workbook()
    north, south, notes = book.active, book.create_sheet("South"), book.create_sheet("Notes")
    north.title = "North"
    north.append(["month", "revenue", "cost", "units", "email"])
    for month in range(1, 13):
        north.append([month, 1000 + 137 * (month % 5), 700 + 31 * month, None if month == 4 else month * 3, f"p{month}@example.org"])
    south.append(["product", "revenue"])
    for number in range(8):
        south.append([f"P{number}", 250.5 * number])
    notes.append(["written"])
    notes.append(["Figures are net of tax."])
    book.save(path)
    return path


def run_pieces(cloche, environments, build, server, folder, pieces):
    """Both clients at once; {client: report}."""
    interpreters = {"newest": sys.executable, "1.20": build / "openai-1.20-venv" / "bin" / "python"}
    if not interpreters["1.20"].exists():
        pytest.fail("build/openai-1.20-venv is missing: tools/test-venv openai-1.20-venv requirements-openai-1.20.txt")
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and "proxy" not in k.lower() and not k.startswith("CLOCHE_")}
    running, reports = {}, {}
    for name in CLIENTS:
        place = folder / name
        place.mkdir()
        workbook(place / "sales_data.xlsx")
        workbook(place / "sales_report.xlsx")
        running[name] = subprocess.Popen(
            [interpreters[name], ROOT / "support" / "seed_assistants.py", cloche, *pieces], cwd=place, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**clean, "OPENAI_BASE_URL": f"{server.url}/v1", "CLOCHE_ENVIRONMENTS": str(environments)})
    for name, process in running.items():
        out, problems = process.communicate(timeout=240)
        reports[name] = json.loads(out) if process.returncode == 0 else f"{name}: {problems[-4000:]}"
    return reports


class Scripted:
    """A server whose model is scripted; the first run of each client that the retrying sample starts fails."""

    def __init__(self, cloche, environments, folder):
        self.gate, self.failed = Gate(), set()
        play = asked({**SCRIPTS, "Please perform a patient analysis": [Turn(self.gate, "Done.")]})

        def script(request):
            if "Analyze this Excel file comprehensively" not in request.seen.texts("user")[-1]:
                return play(request)
            client = re.search(r"openai-python [0-9.]+", request.raw.decode()).group()
            if client not in self.failed:
                self.failed.add(client)
                return Refuse("invalid", message="The first try fails.")
            return [Turn(python(READ)), Turn("Summary: it worked.")][request.seen.round]

        self.provider = Provider(script, models=[MODEL]).start()
        config = folder / "config.json"
        config.write_text(json.dumps({"prices": {MODEL: {"input": 10, "output": 30}}, "models": {MODEL: {"tools": True, "images": False}}}))
        self.server = Server(cloche, folder / "state", environments, "--config", str(config), "--find-local", "off",
                             env={**self.provider.environment("chat"), "MODEL": f"openai/{MODEL}"}).start()

    def stop(self):
        self.gate.open()
        self.server.stop()
        self.provider.stop()
        assert not self.provider.violations, self.provider.violations


@pytest.fixture(scope="module")
def scripted(cloche, environments, tmp_path_factory):
    running = Scripted(cloche, environments, tmp_path_factory.mktemp("scripted"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def scripted_reports(scripted, cloche, environments, build, tmp_path_factory):
    return run_pieces(cloche, environments, build, scripted.server, tmp_path_factory.mktemp("pieces"), PIECES + MORE)


@pytest.fixture(scope="module")
def offline_reports(cloche, environments, build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")  # nothing is configured: the samples' model is a retired one, whose place is taken
    with_server = Server(cloche, folder / "state", environments, "--find-local", "off").start()
    try:
        yield run_pieces(cloche, environments, build, with_server, folder, (*PIECES, "end_to_end_with_figures"))
    finally:
        with_server.stop()


@pytest.fixture(params=CLIENTS)
def report(request, scripted_reports):
    found = scripted_reports[request.param]
    assert isinstance(found, dict), found
    return found


@pytest.fixture(params=CLIENTS)
def offline(request, offline_reports):
    found = offline_reports[request.param]
    assert isinstance(found, dict), found
    return found


def texts(message):
    return [part["text"]["value"] for part in message["content"] if part["type"] == "text"]


def expect_analysis(piece):
    """The scripted analysis, whichever way it was asked for."""
    question, *answers = piece["messages"]
    assert question["role"] == "user" and all(m["role"] == "assistant" for m in answers)
    assert [text for m in answers for text in texts(m)] == ["I look at the file. ", REPORT.replace("—", "")]
    assert piece["files"] == {"image": "89504e47", "sandbox:/mnt/data/north.csv": piece["files"]["sandbox:/mnt/data/north.csv"]}
    assert piece["files"]["sandbox:/mnt/data/north.csv"] > 100


def test_basic_analysis(report):
    piece = report["basic"]
    assert piece["status"] == "completed" and piece["assistant"]["model"] == MODEL and piece["listed"] == 3
    expect_analysis(piece)
    calls = [call["code_interpreter"] for step in piece["steps"] if step["type"] == "tool_calls" for call in step["step_details"]["tool_calls"]]
    assert [call["input"] for call in calls] == [READ, WRITE, PLOT]
    assert calls[0]["outputs"][0]["logs"].startswith("North (12, 5)\nSouth (8, 2)\nNotes (1, 1)")
    assert "image" in {output["type"] for output in calls[2]["outputs"]}


def test_the_older_client_sees_file_ids(report):
    if report["version"].startswith("1."):
        assert len(report["basic"]["messages"][0]["file_ids"]) == 1 and report["basic"]["assistant"]["file_ids"] == []
    else:
        assert len(report["basic"]["messages"][0]["attachments"]) == 1


def test_streaming(report):
    piece = report["streaming"]
    expect_analysis(piece)
    said = piece["printed"]
    assert "\nassistant > code_interpreter\n" in said and READ in said and WRITE in said
    assert "\noutput >\n\nNorth (12, 5)\n" in said
    assert REPORT.replace("—", "") + "None" in said  # annotations come without text, and the sample prints that
    assert said.index("I look at the file.") < said.index("import pandas") < said.index("North (12, 5)") < said.index("Summary:")


def test_the_workflow_class(report):
    assert report["workflow"]["status"] == "completed"
    expect_analysis(report["workflow"])


def test_notebook_creation(report):
    cells = report["notebook"]["cells"]
    kinds = [kind for kind, _ in cells]
    sources = [source for _, source in cells]
    assert "**User Query:**\nAnalyze this Excel file and create a summary report" in sources and kinds.count("markdown") >= 3
    assert {READ, WRITE, PLOT} <= {source for kind, source in cells if kind == "code"}


def test_structured_extraction(report):
    found = report["extraction"]["results"]
    assert found["insights"] == [REPORT.replace("—", "")] and found["summaries"] == []  # the sample takes a text for one of both
    assert len(found["visualizations"]) == 1 and found["code_blocks"] == []
    served = report["extraction"]["served"]
    assert served["insights"] == served["summaries"] == found["insights"] and served["visualizations"] == found["visualizations"]
    assert [block["code"] for block in served["code_blocks"]] == [READ, WRITE, PLOT] and served["tables"] == []
    assert served["code_blocks"][0]["outputs"][0]["text"].startswith("North (12, 5)\n")


def test_the_retrying_analyzer(report):
    said = report["retries"]["printed"]
    assert said.startswith("Attempt 1 failed: Run failed: ") and "The first try fails." in said and said.count("Retrying") == 1
    assert texts(report["retries"]["messages"][-1]) == ["Summary: it worked."]


def test_the_cost_estimate(report):
    piece = report["cost"]
    assert piece["guess"] == {"estimated_tokens": 100_000, "estimated_cost": 3.0, "recommendation": "Proceed with API"}
    assert set(piece["guess"]) <= set(piece["measured"]) and piece["measured"]["model"] == MODEL
    assert 0 < piece["measured"]["estimated_cost"] < 5 and piece["measured"]["recommendation"] in ("proceed", "use a sample")
    assert piece["ways"] == piece["measured_ways"] == ["full", "sample"]


def test_the_hybrid_analyzer(report):
    assert report["hybrid_analyzer"] == {"same": True, "filename": "anonymized_data.xlsx", "redacted": True, "leaked": False}


def test_the_hybrid_workflow(report):
    assert report["hybrid_workflow"] == {"report": "Three sheets were analysed."}


def test_the_end_to_end_class(report):
    piece = report["end_to_end"]
    assert piece["printed"] == "Everything is analysed."
    assert [texts(m) for m in piece["messages"]][1:] == [["Everything is analysed."]]


def test_the_end_to_end_class_as_it_was_written(scripted, tmp_path):
    """The run that it starts and forgets is active when it starts the next."""
    text = (SAMPLES / "end_to_end.py").read_text().replace("a comprehensive analysis", "a patient analysis")
    forgotten = "self.client.beta.threads.runs.create(thread_id=thread.id, assistant_id=self.assistant.id)"
    before, after = text.split("        # (A run was created here")
    workbook(tmp_path / "sales_report.xlsx")
    program = f"from openai import OpenAI\n{before}        {forgotten}\n        # (A run was created here{after}"
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=100,
                          env={**clean, "OPENAI_BASE_URL": f"{scripted.server.url}/v1"})
    scripted.gate.open()
    assert done.returncode == 1 and "openai.BadRequestError: Error code: 400" in done.stderr, done.stderr
    assert "already has an active run run_" in done.stderr


def test_the_thread_as_a_notebook(report, scripted):
    thread = report["extraction"]["thread"]
    with scripted.server.client() as client:
        book = nbformat.reads(client.get(f"/v1/threads/{thread}/notebook").text, as_version=4)
        page = client.get(f"/v1/threads/{thread}/notebook?format=html").text
        script = client.get(f"/v1/threads/{thread}/notebook?format=py").text
    nbformat.validate(book)
    question, first, *_, last = book.cells
    assert question.source == "Analyze this Excel file and create a summary report\n\n*File: `sales_data.xlsx`*"
    assert (first.cell_type, first.source, last.source) == ("markdown", "I look at the file. ", REPORT.replace("—", ""))
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code] == [READ, WRITE, PLOT] and [cell.execution_count for cell in code] == [1, 2, 3]
    assert code[0].outputs[0].text.startswith("North (12, 5)\n")
    assert any(o.get("data", {}).get("image/png", "").startswith("iVBOR") for o in code[2].outputs)
    assert 'src="data:image/png;base64,iVBOR' in page and "Summary: three sheets." in page
    compile(script, "thread.py", "exec")


def test_tables_and_failures_among_the_results(scripted):
    with scripted.server.client() as client:
        assistant = client.post("/v1/assistants", json={"model": MODEL, "tools": [{"type": "code_interpreter"}],
                                                        "instructions": "You serve httpx."}).json()
        began = client.post("/v1/threads/runs", json={"assistant_id": assistant["id"], "thread": {
            "messages": [{"role": "user", "content": "Show me tables."}]}}).json()
        path = f"/v1/threads/{began['thread_id']}"
        machine.wait_until(lambda: client.get(f"{path}/runs/{began['id']}").json()["status"] == "completed", 60, "the run's end")
        found = client.get(f"{path}/results").json()
        assert [block["status"] for block in found["code_blocks"]] == ["completed", "error"]
        assert {block["run_id"] for block in found["code_blocks"]} == {began["id"]} and found["insights"] == ["Insight: two rows."]
        assert [(table["code_block"], table["text"].split("\n")[0].strip()) for table in found["tables"]] == [(0, "a"), (0, "a")]
        assert all('class="dataframe"' in table["html"] for table in found["tables"])
        client.post(f"{path}/messages", json={"role": "user", "content": "Show me tables."})
        again = client.post(f"{path}/runs", json={"assistant_id": assistant["id"]}).json()
        machine.wait_until(lambda: client.get(f"{path}/runs/{again['id']}").json()["status"] == "completed", 60, "the run's end")
        book = nbformat.reads(client.get(f"{path}/notebook").text, as_version=4)
    nbformat.validate(book)
    assert [cell.cell_type for cell in book.cells] == ["markdown", "code", "code", "markdown"] * 2
    assert book.cells[4].source == "Show me tables." and book.cells[2].outputs[0].ename == "ZeroDivisionError"


@pytest.fixture
def science(scripted):
    with scripted.server.client() as client:
        yield Session(client, environment="data-science")


def test_the_libraries_that_are_promised(science):
    science.run((SAMPLES / "libraries.py").read_text())


def test_the_excel_code_inside_a_session(science, tmp_path):
    science.upload("sales_data.xlsx", workbook(tmp_path / "a.xlsx").read_bytes())
    done = science.run((SAMPLES / "excel_processing.py").read_text() + "\nprint(report)")
    assert {f["path"] for f in done["files"]} == {"/mnt/data/North_distributions.png", "/mnt/data/South_distributions.png"}
    assert "## Sheet: North\n- Dimensions: 12 rows × 5 columns\n- Missing values: 1 total\n" in done["stdout"]
    assert "## Sheet: Notes\n- Dimensions: 1 rows × 1 columns\n" in done["stdout"]


# ---- the same with the offline analyst -----------------------------------------------------------------------------


def expect_profile(piece):
    """Rules made a profile of all sheets, and it was answered with."""
    answer = piece["messages"][-1]
    said = "\n".join(text for m in piece["messages"][1:] for text in texts(m))
    assert answer["role"] == "assistant" and "North" in said and "revenue" in said, said
    assert any(name.endswith(".html") and size > 1000 for name, size in piece["files"].items()), piece["files"]


@pytest.mark.parametrize("name", ["basic", "streaming", "workflow", "retries", "end_to_end_with_figures"])
def test_offline(offline, name):
    expect_profile(offline[name])


def test_offline_streaming(offline):
    said = offline["streaming"]["printed"]
    assert "\nassistant > code_interpreter\n" in said and "\noutput >" in said and "North" in said


def test_offline_notebook_and_extraction(offline):
    kinds = [kind for kind, _ in offline["notebook"]["cells"]]
    assert "code" in kinds and "markdown" in kinds
    assert set(offline["extraction"]["results"]) == {"summaries", "visualizations", "insights", "code_blocks"}

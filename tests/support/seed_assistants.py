"""The samples of tests/seeds/assistants, put together as their document means them and run one after another in one process, by
whichever interpreter runs this: `python seed_assistants.py CLOCHE PIECE…` in a folder with sales_data.xlsx and sales_report.xlsx,
the server in OPENAI_BASE_URL. Prints one JSON object: what each piece did. Samples are executed as they stand in their files; newer
clients do not know `file_ids=` of messages.create, so for those, and nothing else, it travels in `extra_body`."""
import asyncio
import contextlib
import inspect
import io
import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.request
import warnings
import zipfile
from pathlib import Path

import nbformat
import openai
from openai import OpenAI

SAMPLES = Path(__file__).resolve().parent.parent / "seeds" / "assistants"
CLOCHE = sys.argv[1]
warnings.simplefilter("ignore", DeprecationWarning)

# samples wait a second between two looks; this server is nearer
real_sleep, real_asyncio_sleep = time.sleep, asyncio.sleep
time.sleep = lambda seconds: real_sleep(min(seconds, 0.05))
asyncio.sleep = lambda seconds: real_asyncio_sleep(min(seconds, 0.05))


def run(*names, change=("", ""), **known):
    """Executes samples in one namespace, which has the modules that the document imports elsewhere."""
    scope = {"asyncio": asyncio, "os": os, "time": time, "OpenAI": OpenAI, "__name__": "sample", **known}
    for name in names:
        text = (SAMPLES / f"{name}.py").read_text()
        if "file_ids" not in inspect.signature(OpenAI(api_key="x").beta.threads.messages.create).parameters:
            text = text.replace("            file_ids=[file.id]\n", "            extra_body={'file_ids': [file.id]}\n")
            text = text.replace("                file_ids=[file.id]\n", "                extra_body={'file_ids': [file.id]}\n")
        exec(compile(text.replace(*change), f"{name}.py", "exec"), scope)
    return scope


@contextlib.contextmanager
def printed(to):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        yield
    to["printed"] = out.getvalue()


def finished(client, thread, began):
    """The run at its end, as the document's loop waits for it."""
    while began.status not in ("completed", "failed", "cancelled", "expired", "incomplete"):
        began = client.beta.threads.runs.retrieve(thread_id=thread.id, run_id=began.id)
        time.sleep(1)
    return began


def shown(client, thread):
    """A thread as its reader sees it: oldest message first, and what became of its files."""
    messages = [m.model_dump() for m in client.beta.threads.messages.list(thread_id=thread.id, order="asc")]
    files = {}
    for message in messages:
        for part in message["content"]:
            if part["type"] == "image_file":
                files["image"] = client.files.content(part["image_file"]["file_id"]).read()[:4].hex()
            for note in part.get("text", {}).get("annotations", []) if part["type"] == "text" else []:
                assert note["text"] == part["text"]["value"][note["start_index"]:note["end_index"]], note
                files[note["text"]] = len(client.files.content(note["file_path"]["file_id"]).read())
    return {"messages": messages, "files": files}


def steps(client, thread, run_id):
    found = client.beta.threads.runs.steps.list(thread_id=thread.id, run_id=run_id, order="asc")
    return [step.model_dump() for step in found]


analysed = {}  # the client and the thread of the basic analysis, for the samples that look at one


def piece_basic():
    scope = run("setup", "file_handling", "basic_analysis")
    client, thread = scope["client"], scope["thread"]
    analysed.update(client=client, thread=thread)
    return {"assistant": scope["assistant"].model_dump(), "status": scope["run"].status, "listed": len(scope["messages"].data),
            "steps": steps(client, thread, scope["run"].id), **shown(client, thread)}


def piece_streaming():
    told = {}
    with printed(told):
        scope = run("setup", "file_handling", "streaming")
    return {**told, **shown(scope["client"], scope["thread"])}


def piece_workflow():
    client = OpenAI(api_key="your-api-key")
    scope = run("workflow", client=client)
    thread, began = asyncio.run(scope["ExcelAnalysisAssistant"](client).analyze_excel("sales_data.xlsx", "statistical"))
    return {"status": finished(client, thread, began).status, **shown(client, thread)}


def piece_notebook():
    book = run("notebook_creation")["create_notebook_from_thread"](analysed["client"], analysed["thread"].id)
    nbformat.validate(book)
    return {"cells": [(cell.cell_type, cell.source) for cell in book.cells]}


def piece_extraction():
    thread = analysed["thread"].id
    return {"results": run("extraction")["extract_analysis_results"](analysed["client"], thread), "served": native(f"/threads/{thread}/results"),
            "thread": thread}


def piece_retries():
    told, client = {}, OpenAI(api_key="your-api-key")
    assistant = client.beta.assistants.create(model="gpt-4-1106-preview", tools=[{"type": "code_interpreter"}],
                                              instructions=f"You serve openai-python {openai.__version__}.")
    with printed(told):
        thread = asyncio.run(run("retries")["robust_analysis"](client, assistant.id, "sales_data.xlsx"))
    return {**told, **shown(client, thread)}


def native(path, body=None):
    data = body and json.dumps(body).encode()
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + path, data, {"content-type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)


def piece_cost():
    client = OpenAI(api_key="your-api-key")
    uploaded = client.files.create(file=open("sales_data.xlsx", "rb"), purpose="assistants")
    measured = native("/estimate", {"model": "gpt-4-1106-preview", "input": "Analyze it", "file_ids": [uploaded.id]})
    base = run("cost")["CostOptimizedAnalyzer"]

    class Analyzer(base):
        """What the sample leaves open: which way was chosen."""

        def _full_analysis(self, file_path):
            return "full"

        def _analyze_sample(self, file_path, budget_usd):
            return "sample"

    class Measured(Analyzer):
        """The same with the server's estimate in place of a guess."""

        def estimate_cost(self, file_size_mb):
            return measured

    return {"guess": Analyzer(client).estimate_cost(2), "measured": measured,
            "ways": [Analyzer(client).analyze_with_budget("sales_data.xlsx", budget) for budget in (5.0, 0.0)],
            "measured_ways": [Measured(client).analyze_with_budget("sales_data.xlsx", budget) for budget in (5.0, 0.0)]}


class LocalKernel:
    """A kernel on this machine: `cloche run --dir` in this folder. It dedents, as Jupyter does."""

    def execute(self, code):
        done = subprocess.run([CLOCHE, "run", "-", "--dir", "."], input=textwrap.dedent(code), capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout


def piece_hybrid_analyzer():
    client, uploads = OpenAI(api_key="your-api-key"), []
    create = client.files.create
    client.files.create = lambda **fields: uploads.append(create(**fields)) or uploads[-1]
    base = run("hybrid_analyzer")["HybridExcelAnalyzer"]

    class Analyzer(base):
        def _create_assistant(self):  # left open by the sample
            return run("setup")["assistant"]

    Analyzer(client, LocalKernel()).analyze_sensitive_data("sales_data.xlsx")
    content = client.files.content(uploads[0].id).read()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        words = b"".join(book.read(name) for name in book.namelist())
    return {"same": content == Path("anonymized_data.xlsx").read_bytes(), "filename": uploads[0].filename,
            "redacted": words.count(b"REDACTED") > 0, "leaked": b"example.org" in words}


class NotebookCli:
    """`cloche notebook`: a plan as a script becomes a notebook, which runs beside the file."""

    async def create_analysis_notebook(self, file_path, plan):
        Path("plan.py").write_text(plan)
        environment = {**os.environ, "CLOCHE_URL": os.environ["OPENAI_BASE_URL"].removesuffix("/v1")}
        for words in (["new", "plan.ipynb", "plan.py"], ["run", "plan.ipynb", "--file", file_path]):
            done = subprocess.run([CLOCHE, "notebook", *words], env=environment, capture_output=True, text=True, timeout=100)
            assert done.returncode == 0, done.stderr
        return nbformat.read("plan.ipynb", as_version=4)


def piece_hybrid_workflow():
    base = run("hybrid_workflow")["HybridWorkflow"]
    client = OpenAI(api_key="your-api-key")

    async def ask(content):
        scope = run("setup")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": content}])
        began = client.beta.threads.runs.create(thread_id=thread.id, assistant_id=scope["assistant"].id)
        assert finished(client, thread, began).status == "completed"
        return client.beta.threads.messages.list(thread_id=thread.id).data[0].content[0].text.value

    class Workflow(base):
        """What the sample leaves open: what is asked, and how a plan is read out of the answer."""

        async def _explore_with_api(self, file_path):
            return await ask("Explore it.")

        def _extract_analysis_plan(self, exploration):
            return exploration.split("```python\n")[1].split("```")[0]

        async def _generate_report(self, notebook, exploration):
            return await ask("Report on " + notebook.cells[-1].outputs[0]["data"]["text/plain"])

    return {"report": asyncio.run(Workflow(client, NotebookCli()).analyze_excel("sales_data.xlsx"))}


def piece_end_to_end(change=("", "")):
    told = {}
    with printed(told):
        scope = run("end_to_end", change=change)
    return {**told, **shown(scope["analyzer"].client, scope["thread"])}


def piece_end_to_end_with_figures():
    """The sample takes each delta for text; of an answer that shows figures, not all are."""
    return piece_end_to_end(("== 'thread.message.delta':", "== 'thread.message.delta' and event.data.delta.content[0].type == 'text':"))


if __name__ == "__main__":
    report = {"version": openai.__version__}
    for name in sys.argv[2:]:
        began = time.monotonic()
        report[name] = globals()[f"piece_{name}"]()
        print(f"{name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    print(json.dumps(report))

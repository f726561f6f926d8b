"""The offline analyst, from a prompt to an answer: what it writes is run in a real session.

The analyst is asked through build/tests/unit/offline-ask; its code runs by the native execute API, and its result
goes back in the words of the agent loop, until the answer is there."""
import json
import re
import subprocess

import pytest
from support.api import brief

TOOLS = [{"name": "python", "description": "", "parameters": {}}]
SIGNATURE = "no language model took part"


@pytest.fixture(scope="session")
def offline(build):
    with subprocess.Popen([build / "tests/unit/offline-ask"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def ask(transcript, tools=TOOLS, **fields):
            process.stdin.write(json.dumps({"transcript": transcript, "tools": tools, **fields}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        yield ask
        process.stdin.close()


def user(text, *files):
    parts = [{"type": "text", "text": text}] if text else []
    return {"type": "message", "role": "user", "content": parts + [
        {"type": "file", "filename": name, "path": f"/mnt/data/{name}", "bytes": 1} for name in files]}


def text_of(items):
    return "".join(part["text"] for item in items if item["type"] == "message" for part in item["content"])


def result_of(execution, call_id):
    """What the loop tells a model of an execution (src/agent/tool_result.c)."""
    lines = []
    figures = 0
    for output in execution["outputs"]:
        if output["type"] in ("stdout", "stderr"):
            lines.append(output["text"].rstrip("\n"))
        elif output["type"] == "error":
            lines += output["traceback"]
        elif "image/png" in output["data"]:
            figures += 1
        else:
            lines.append(output["data"].get("text/plain", ""))
    if figures:
        lines.append(f"{figures} figure{' was' if figures == 1 else 's were'} displayed to the person (cfile_1). "
                     "You cannot see them: do not describe what you have not computed.")
    lines += [f"File {file['change']}: {file['path']} ({file['bytes']} bytes)" for file in execution["files"]]
    return {"type": "tool_result", "call_id": call_id, "text": "\n".join(lines) or "(no output)", "images": [],
            "is_error": execution["status"] != "completed"}


class Conversation:
    """Turns with one analyst and one session."""

    def __init__(self, offline, session):
        self.offline, self.session, self.transcript = offline, session, []

    def say(self, text, *files, **fields):
        """The answer's text; `executions` holds what was run for it."""
        self.transcript.append(user(text, *files))
        self.executions, self.codes = [], []
        for _ in range(8):
            answer = self.offline(self.transcript, **fields)
            assert "items" in answer, answer
            self.transcript += answer["items"]
            calls = [item for item in answer["items"] if item["type"] == "tool_call"]
            if not calls:
                return text_of(answer["items"])
            for call in calls:
                code = json.loads(call["arguments"])["code"]
                execution = self.session.run(code, expect=None, timeout=60)
                self.codes.append(code)
                self.executions.append(execution)
                self.transcript.append(result_of(execution, call["call_id"]))
        raise AssertionError("it goes on and on")

    def figures(self):
        return sum("image/png" in output.get("data", {}) for execution in self.executions for output in execution["outputs"])

    def files(self):
        return {file["path"].rsplit("/", 1)[1]: file for execution in self.executions for file in execution["files"]}


@pytest.fixture
def plain(offline, session):
    return Conversation(offline, session)


@pytest.fixture
def science(offline, new_session):
    return Conversation(offline, new_session(environment="data-science"))


def completed(conversation):
    for execution in conversation.executions:
        assert execution["status"] == "completed", brief(execution)


# ---- the seeds' own prompts --------------------------------------------------------------------------

@pytest.mark.parametrize("prompt, expected", [
    ("What is 2+2?", "2 + 2 = 4"),
    ("Calculate the first 10 prime numbers", "2, 3, 5, 7, 11, 13, 17, 19, 23, 29"),
    ("Show me Fibonacci numbers", "0, 1, 1, 2, 3, 5, 8, 13, 21, 34"),
    ("Calculate fibonacci numbers", "0, 1, 1, 2, 3, 5, 8, 13, 21, 34"),
    ("calculate the factorial of 20", "2432902008176640000"),
    ("what's 15% of 240", "36"),
    ("what is the median of 4, 8, 15, 16, 23, 42", "15.5"),
    ("compound interest on 1000 at 5% for 10 years", "1,628.89"),
    ("how many days between 2024-01-01 and 2024-12-25", "359 days"),
    ("primes between 20 and 40", "23, 29, 31, 37"),
    ("sort 3, 1, 2", "1, 2, 3"),
])
def test_small_questions_need_no_packages(plain, prompt, expected):
    answer = plain.say(prompt)
    completed(plain)
    assert expected in answer, answer
    assert SIGNATURE in answer


@pytest.mark.data_science
@pytest.mark.parametrize("prompt, words", [
    ("Plot a sin wave", "Plotted sin x"),
    ("Create a bar chart showing sales data", "made up"),
    ("Calculate the first 20 fibonacci numbers and plot them", "4181"),
    ("Generate a pie chart of market share", "made up"),
    ("line chart of 3, 5, 8, 2, 9", "27"),
    ("horizontal bar chart of revenue by country", "made up"),
    ("area chart of rain by month", "made up"),
    ("scatter plot", "made up"),
    ("histogram of random data", "made up"),
    ("box plot", "made up"),
    ("heat map", "made up"),
    ("3-D surface plot", "z lies between"),
    ("primes to 200 as a graph", "46 prime numbers"),
    ("plot tan x", "Plotted tan(x)"),
])
def test_pictures_are_shown(science, prompt, words):
    answer = science.say(prompt)
    completed(science)
    assert words in answer, answer
    assert science.figures() == 1 and not science.files()
    assert "".join(execution["stderr"] for execution in science.executions) == ""


@pytest.mark.data_science
def test_a_picture_is_saved_when_asked_for(science):
    answer = science.say("Generate a bar chart of sales by quarter and save as PNG")
    completed(science)
    assert "](sandbox:/mnt/data/bar_chart.png)" in answer and "made up" in answer
    picture = science.session.download(science.files()["bar_chart.png"]["id"])
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000


def test_a_csv_of_sample_data(plain):
    answer = plain.say("Create a CSV with sample sales data")
    completed(plain)
    assert "sample data" in answer and "](sandbox:/mnt/data/sample_sales.csv)" in answer
    lines = plain.session.download(plain.files()["sample_sales.csv"]["id"]).decode().splitlines()
    assert lines[0] == "order_id,date,product,region,quantity,unit_price,revenue" and len(lines) == 101


@pytest.mark.data_science
def test_equations_by_sympy(science):
    answer = science.say("I need to solve the equation 3x + 11 = 14. Can you help me?")
    completed(science)
    assert "x = 1." in answer, answer
    answer = science.say("roots of x^2 - 5x + 6")
    assert "x = 2" in answer and "x = 3" in answer, answer


# ---- code in the message -------------------------------------------------------------------------------

def test_fenced_code_runs_as_it_is_block_by_block(plain):
    answer = plain.say("Run this:\n```python\nx = 6\nprint('first', x)\n```\nand then\n```py\nprint('second', x * 7)\n```")
    assert plain.codes == ["x = 6\nprint('first', x)\n", "print('second', x * 7)\n"]
    assert "first 6" in answer and "second 42" in answer


def test_pasted_code_runs_without_a_fence(plain):
    answer = plain.say("import math\nfor n in range(3):\n    print(math.factorial(n + 3))")
    assert "6\n24\n120" in answer


def test_an_exception_is_said_and_the_next_block_waits(plain):
    answer = plain.say("```python\nprint('before')\n1 / 0\n```\n```python\nprint('never')\n```")
    assert len(plain.executions) == 1
    assert "ZeroDivisionError: division by zero" in answer and "before" in answer and SIGNATURE in answer


def test_files_that_code_made_are_linked(plain):
    answer = plain.say("```python\nopen('a (1).txt', 'w').write('x')\n```")
    assert "](sandbox:/mnt/data/a%20%281%29.txt)" in answer, answer


def test_without_packages_the_answer_says_where_they_are(plain):
    answer = plain.say("Plot a sin wave")
    assert "No module named" in answer and "data-science" in answer


# ---- conversations ---------------------------------------------------------------------------------------

@pytest.mark.data_science
def test_a_follow_up_changes_the_chart(science):
    science.say("Generate a pie chart of market share")
    first = science.codes[0]
    answer = science.say("now as a bar chart")
    completed(science)
    assert "made up" in answer and science.figures() == 1
    labels = re.search(r"labels = \[.*\]", first).group()
    assert labels in science.codes[0] and "axis.bar(" in science.codes[0]


def test_a_follow_up_changes_the_count(plain):
    plain.say("first 5 primes")
    assert "2, 3, 5, 7, 11, 13, 17, 19." in plain.say("and the first 8?")


CSV = "region,product,revenue\n" + "".join(
    f"{region},{product},{100 * i + 10 * j + k}\n" for i, region in enumerate(("North", "South", "East"), 1)
    for j, product in enumerate(("Lamp", "Chair"), 1) for k in range(8))


@pytest.mark.data_science
def test_questions_about_a_file(science):
    science.session.upload("sales.csv", CSV.encode())
    answer = science.say("total revenue by region", "sales.csv")
    completed(science)
    assert len(science.executions) == 2 and "groupby('region')" in science.codes[1]
    assert "highest for East" in answer and re.search(r"East\s+5096", answer), answer
    answer = science.say("and the median by region")
    assert "Median revenue by region" in answer, answer
    answer = science.say("now as a pie chart")
    assert "Median" in answer and "axis.pie" in science.codes[1], science.codes
    answer = science.say("only for Lamp")
    assert "product Lamp" in answer, answer
    answer = science.say("what is 6 times 7")
    assert "6 * 7 = 42" in answer


@pytest.mark.data_science
def test_a_table_made_earlier_can_be_asked_about(science):
    science.say("Create a CSV with sample sales data")
    answer = science.say("total revenue by region")
    completed(science)
    assert "Total revenue by region: highest for" in answer, answer


@pytest.mark.data_science
@pytest.mark.parametrize("prompt", ["Analyze this dataset", "", "Analyze this dataset and show correlations",
                                    "Please perform a comprehensive analysis of this file"])
def test_an_attached_table_is_profiled(science, prompt):
    science.session.upload("sales.csv", CSV.encode())
    answer = science.say(prompt, "sales.csv")
    completed(science)
    assert "**Summary:**" in answer and "48 rows of 3 columns" in answer and "East brings" in answer, answer
    assert science.figures() >= 2
    for link in re.findall(r"\]\(sandbox:(/mnt/data/[^)]+)\)", answer):
        assert any(file["path"] == link for file in science.files().values()), link
    assert list(science.files()) == ["sales-report.html"]


@pytest.mark.data_science
def test_an_empty_file_is_a_sentence(science):
    science.session.upload("empty.csv", b"")
    answer = science.say("analyze this", "empty.csv")
    completed(science)
    assert "empty.csv is empty" in answer and "Traceback" not in answer


def test_a_table_where_pandas_is_missing_gets_the_simple_profile(plain):
    plain.session.upload("sales.csv", CSV.encode())
    answer = plain.say("analyze this file", "sales.csv")
    completed(plain)
    assert "48 rows" in answer and "pandas is not installed" in answer


def test_the_gallery_s_examples_are_readable_programs(plain):
    assert plain.say("run the image generation example")
    assert plain.codes[0].startswith("# A correlation heat map") and "cloche" not in plain.codes[0]


@pytest.mark.data_science
@pytest.mark.parametrize("name, figures, words", [
    ("data analysis", 2, "Generated 100 sales records"), ("math computation", 1, "The first 20 Fibonacci numbers"),
    ("image generation", 3, "Created three figures")])
def test_the_gallery_s_examples_run(science, name, figures, words):
    answer = science.say(f"Run the {name} example")
    completed(science)
    assert words in answer and science.figures() == figures, answer


# ---- without code ------------------------------------------------------------------------------------------

def test_without_the_interpreter_it_says_what_it_would_run(offline):
    answer = text_of(offline([user("first 5 primes")], tools=[])["items"])
    assert "switched off" in answer and "```python" in answer and "count = 5" in answer and SIGNATURE in answer


@pytest.mark.parametrize("prompt", ["hello", "help", "what can you do?", "write me a poem about the sea"])
def test_words_alone_get_words(offline, prompt):
    answer = offline([user(prompt)])
    assert [item["type"] for item in answer["items"]] == ["message"]
    text = text_of(answer["items"])
    assert "OPENAI_API_KEY" in text and "offline analyst" in text and SIGNATURE in text


def test_importing_the_package_imports_nothing_else(session):
    execution = session.run("import sys\nbefore = set(sys.modules)\nimport cloche_analyst\n"
                            "print(sorted(set(sys.modules) - before))")
    assert execution["stdout"] == "['cloche_analyst']\n"


# ---- through the Responses dialect, with no key ------------------------------------------------------------

INTERPRETER = {"type": "code_interpreter", "container": {"type": "auto"}}
OUTPUTS = ["code_interpreter_call.outputs"]


@pytest.fixture
def keyless(server, client):
    """respond(**fields) on a server that has no key: the offline analyst answers, being all there is."""
    def respond(**fields):
        answer = client.post("/v1/responses", json={"model": "offline", "tools": [INTERPRETER], "include": OUTPUTS, **fields})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["status"] == "completed", body
        calls = [item for item in body["output"] if item["type"] == "code_interpreter_call"]
        text = "".join(part["text"] for item in body["output"] if item["type"] == "message" for part in item["content"])
        return body, calls, text
    return respond


@pytest.mark.data_science
def test_responses_without_a_key(keyless):
    body, calls, text = keyless(input="Calculate the first 20 fibonacci numbers and plot them")
    assert len(calls) == 1 and calls[0]["status"] == "completed" and "count = 20" in calls[0]["code"]
    assert {output["type"] for output in calls[0]["outputs"]} == {"logs", "image"}
    assert "4181" in text and SIGNATURE in text
    assert body["usage"]["total_tokens"] == 0


@pytest.mark.data_science
def test_responses_make_a_file_and_cite_it(client, keyless):
    body, calls, text = keyless(input="Generate a bar chart of sales by quarter and save as PNG")
    cited = [note for item in body["output"] if item["type"] == "message" for part in item["content"] for note in part["annotations"]
             if note["filename"] == "bar_chart.png"]
    assert cited, body["output"]
    content = client.get(f"/v1/containers/{cited[0]['container_id']}/files/{cited[0]['file_id']}/content")
    assert content.status_code == 200 and content.content.startswith(b"\x89PNG")


@pytest.mark.data_science
def test_responses_profile_an_attached_file_and_answer_about_it(client, keyless):
    uploaded = client.post("/v1/files", files={"file": ("sales.csv", CSV.encode())}, data={"purpose": "assistants"}).json()
    body, calls, text = keyless(input=[{"role": "user", "content": [
        {"type": "input_file", "file_id": uploaded["id"]}, {"type": "input_text", "text": "Analyze this dataset"}]}])
    assert "48 rows of 3 columns" in text and "sales-report.html" in text, text
    _, calls, text = keyless(input="total revenue by region", previous_response_id=body["id"])
    assert len(calls) == 2 and "highest for East" in text, text


@pytest.mark.data_science
def test_a_stream_gives_the_code_as_it_is_written(client):
    from support.api import events
    body = {"model": "offline", "input": "first 5 primes", "tools": [INTERPRETER], "stream": True}
    with client.stream("POST", "/v1/responses", json=body) as answer:
        assert answer.status_code == 200, answer.read()
        seen = [event for _, event in events(answer)]
    deltas = [event["delta"] for event in seen if event["type"] == "response.code_interpreter_call_code.delta"]
    done = [event["code"] for event in seen if event["type"] == "response.code_interpreter_call_code.done"]
    assert len(deltas) > 3 and "".join(deltas) == done[0]
    assert seen[-1]["type"] == "response.completed"

"""The table of what models can do, beside LiteLLM's list of models: each row that claims to agree with it does."""
import fnmatch
import json
import re
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parents[2] / "src" / "provider" / "capabilities.c"
ROW = re.compile(r'\{"([^"]+)",\s*(\d+),\s*(\d+),\s*(true|false),\s*(true|false),\s*(true|false)\}')
VENDORS = {"openai", "azure", "anthropic", "vertex_ai-anthropic_models", "bedrock", "bedrock_converse", "gemini", "xai", "mistral"}


def rows():
    checked = TABLE.read_text().split("unchecked")[0]
    return [(name, int(context), int(output), images == "true", tools == "true")
            for name, context, output, images, tools, _ in ROW.findall(checked)]


@pytest.fixture(scope="module")
def listed(build):
    """{row's pattern: [(context, output, images, tools) of each model that the list has for it]}."""
    found = list((build / "litellm-venv").glob("lib/python*/site-packages/litellm/model_prices_and_context_window_backup.json"))
    if not found:
        pytest.fail("build/litellm-venv is missing: tools/test-venv litellm-venv requirements-litellm.txt")
    models = {}
    for name, said in json.loads(found[0].read_text()).items():
        if said.get("litellm_provider") not in VENDORS or said.get("mode") not in ("chat", "responses"):
            continue
        last = name.split("/")[-1].split("anthropic.")[-1].lower()
        row = next((one[0] for one in rows() if fnmatch.fnmatchcase(last, one[0])), None)
        window, output = said.get("max_input_tokens") or 0, said.get("max_output_tokens") or 0
        for context in (window, window + output):  # the list has what may be read, some vendors say what may be in all
            models.setdefault(row, set()).add((context, output, bool(said.get("supports_vision")),
                                               bool(said.get("supports_function_calling"))))
    return models


def test_there_are_rows():
    assert len(rows()) > 25


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_agrees_with_the_list(row, listed):
    name, context, output, images, tools = row
    known = listed.get(name, set())
    assert any(context == c and output in (0, o) and (images, tools) == (i, t) for c, o, i, t in known), known

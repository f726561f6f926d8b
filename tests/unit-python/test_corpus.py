"""The same answers from both engines, byte for byte."""
import pytest
from corpus import SESSIONS, normal


def run(start, engine, cells):
    kernel = start(engine)
    said = []
    for cell in cells:
        outputs, status, notes = kernel.execute(cell).transcript()
        for output in outputs:
            output.pop("head", None)
        said.append((cell, normal(outputs), status, notes))
    return said


@pytest.mark.parametrize("cells", [s[1] for s in SESSIONS], ids=[s[0] for s in SESSIONS])
def test_same(start, cells):
    plain, full = run(start, "plain", cells), run(start, "full", cells)
    for one, other in zip(plain, full):
        assert one == other

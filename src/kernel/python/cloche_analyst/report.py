"""What a profile hands over: details as it goes, figures, and at the end a summary between two marked lines,
which is what the analyst answers with. The whole, figures included, is kept as one HTML file beside the data."""
import base64
import builtins
import html
import io
import os
import re

from cloche_analyst import say

# The analyst's C side looks for these lines in what a program printed (src/provider/offline/answer.c).
BEGIN, END = "----- summary -----", "----- end of summary -----"
LINKS = "sandbox:"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 16px/1.55 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem }}
h1 {{ font-size: 1.6rem }} h2 {{ font-size: 1.2rem; margin-top: 2.4rem; border-top: 1px solid #e4e6e8; padding-top: 1.2rem }}
h3 {{ font-size: 1rem; margin: 1.6rem 0 .4rem }} code {{ background: #f3f4f3; padding: .1em .3em; border-radius: 3px; font-size: .9em }}
table {{ border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto }}
td, th {{ text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e4e6e8; white-space: nowrap }}
th {{ color: #6b7177; font-weight: 500 }} img {{ max-width: 100%; margin: 1rem 0 }} .note {{ color: #6b7177; font-size: .85rem }}
</style></head><body>
{body}
</body></html>
"""


def _display(thing):
    """As the session shows it; as text where there is no session."""
    show = getattr(builtins, "display", None)
    if show is not None:
        show(thing)
    elif hasattr(thing, "to_string"):
        print(thing.to_string())


class Report:
    """Of one file: heading, text, rows and figure print or show, and keep for the HTML file; conclude ends it."""

    def __init__(self, path):
        self.path = path
        self.folder = os.getcwd()
        self.stem = re.sub(r"[^\w.-]+", "-", os.path.splitext(os.path.basename(path))[0]).strip("-.") or "file"
        self.body = []    # HTML, in order
        self.figures = 0

    def heading(self, text):
        print(f"\n{text}\n{'=' * min(len(text), 78)}")
        self.body.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text):
        """Sentences, or a list of them behind dashes."""
        print(text)
        self.body.append(_markdown(text.split("\n")))

    def rows(self, title, rows, header):
        """A table of cells that are text: the session shows it as a table."""
        if not rows:
            return
        print(f"\n{title}")
        if getattr(builtins, "display", None) is None or not _pandas():
            print(say.table(rows, header))
        else:
            import pandas
            _display(pandas.DataFrame(rows, columns=header).set_index(header[0]))
        cells = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        names = "".join(f"<th>{html.escape(str(name))}</th>" for name in header)
        self.body.append(f"<h3>{html.escape(title)}</h3><table><tr>{names}</tr>{cells}</table>")

    def figure(self, figure, title):
        """Shows it and closes it."""
        if figure is None:
            return
        import matplotlib.pyplot as plt
        picture = io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight", pad_inches=0.12)
        _display(figure)
        plt.close(figure)
        self.figures += 1
        data = base64.b64encode(picture.getvalue()).decode()
        self.body.append(f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}">')

    def conclude(self, summary, insight=None, findings=(), cautions=()):
        lines = [f"**Summary:** {summary}"]
        if insight:
            lines += ["", f"**Insight:** {insight}"]
        if findings:
            lines += ["", "**What stands out**", ""] + [f"- {text}" for text in findings]
        if cautions:
            lines += ["", "**Be careful about**", ""] + [f"- {text}" for text in cautions]
        name = self._keep(lines)
        lines += ["", f"Everything{', figures included,' if self.figures else ''} is in one page: "
                      f"[{name}]({LINKS}{os.path.join(self.folder, name)})"]
        print("\n".join(["", BEGIN, *lines, END]))

    def _keep(self, lines):
        """Writes the HTML file; its name. It replaces the report of the same file, never anything else."""
        name = f"{self.stem}-report.html"
        if os.path.abspath(name) == os.path.abspath(self.path):
            name = "profile-" + name
        note = ('<p class="note">Made by Cloche\'s offline analyst: rules computed and worded all of this; no language '
                "model took part.</p>")
        title = html.escape(os.path.basename(self.path))
        body = "\n".join([f"<h1>{title}</h1>", _markdown(lines), note, *self.body])
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(_PAGE.format(title=title, body=body))
        return name


def refuse(sentence):
    """The whole answer, where a file cannot be analysed."""
    print(f"{BEGIN}\n{sentence}\n{END}")


def _pandas():
    try:
        import pandas  # noqa: F401
        return True
    except ImportError:
        return False


def _markdown(lines):
    """The little markdown that this package writes, as HTML: paragraphs, lists, bold, code, escapes, no links."""
    out, items = [], []
    for line in [*lines, ""]:
        if line.startswith("- "):
            items.append(f"<li>{_inline(line[2:])}</li>")
            continue
        if items:
            out.append(f"<ul>{''.join(items)}</ul>")
            items = []
        if line:
            out.append(f"<p>{_inline(line)}</p>")
    return "\n".join(out)


def _inline(text):
    pieces = []
    for i, piece in enumerate(re.split(r"(?<!\\)`([^`]*)`", text)):
        if i % 2:
            pieces.append(f"<code>{html.escape(piece)}</code>")
            continue
        piece = re.sub(r"(?<!\\)\[([^\]]*)\]\([^)]*\)", r"\1", piece)
        piece = re.sub(r"(?<!\\)\*\*(.+?)(?<!\\)\*\*", r"<b>\1</b>", html.escape(piece))
        pieces.append(re.sub(r"\\([\\`*_\[\]|]|&lt;|&gt;)", r"\1", piece))
    return "".join(pieces)

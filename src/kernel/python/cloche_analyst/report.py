"""What a profile hands over: details as it goes, figures, and at the end a summary between two marked lines,
which is what the analyst answers with. The whole is kept as a markdown file beside the data."""
import builtins
import os
import re

from cloche_analyst import say

# The analyst's C side looks for these lines in what a program printed (src/provider/offline_answer.c).
BEGIN, END = "----- summary -----", "----- end of summary -----"
LINKS = "sandbox:"


def _display(thing):
    """As the session shows it; as text where there is no session."""
    show = getattr(builtins, "display", None)
    if show is not None:
        show(thing)
    elif hasattr(thing, "to_string"):
        print(thing.to_string())


class Report:
    """Of one file. `say_details` prints and keeps; `conclude` prints the summary."""

    def __init__(self, path):
        self.path = path
        self.folder = os.getcwd()
        self.stem = re.sub(r"[^\w.-]+", "-", os.path.splitext(os.path.basename(path))[0]).strip("-.") or "file"
        self.pages = []    # markdown, in order
        self.figures = []  # (title, path)

    def heading(self, text):
        print(f"\n{text}\n{'=' * min(len(text), 78)}")
        self.pages.append(f"## {text}")

    def text(self, text):
        print(text)
        self.pages.append(text)

    def rows(self, title, rows, header):
        """A table of text cells: shown by the session as a table, kept as markdown."""
        if not rows:
            return
        try:
            import pandas
        except ImportError:
            print(f"\n{title}\n{say.table(rows, header)}")
        else:
            print(f"\n{title}")
            if getattr(builtins, "display", None) is None:
                print(say.table(rows, header))
            else:
                _display(pandas.DataFrame(rows, columns=header).set_index(header[0]))
        self.pages.append(f"**{title}**\n\n{say.markdown_table(rows, header)}")

    def figure(self, figure, title, suffix):
        """Saves it as a PNG beside the data, shows it, and closes it."""
        if figure is None:
            return
        import matplotlib.pyplot as plt
        path = self._free(f"{self.stem}-{suffix}.png")
        figure.savefig(path, bbox_inches="tight", pad_inches=0.12)
        _display(figure)
        plt.close(figure)
        self.figures.append((title, path))
        self.pages.append(f"![{title}]({os.path.basename(path)})")

    def _free(self, name):
        """A path that overwrites no file but one of ours: the profile of the same file, done again."""
        path = os.path.join(self.folder, name)
        return path if os.path.abspath(path) != os.path.abspath(self.path) else os.path.join(self.folder, "profile-" + name)

    def conclude(self, summary, insight=None, findings=(), cautions=(), kept=True):
        lines = [f"**Summary:** {summary}"]
        if insight:
            lines += ["", f"**Insight:** {insight}"]
        if findings:
            lines += ["", "**What stands out**", ""] + [f"- {text}" for text in findings]
        if cautions:
            lines += ["", "**Be careful about**", ""] + [f"- {text}" for text in cautions]
        links = [f"[{title}]({LINKS}{path})" for title, path in self.figures]
        if kept:
            links.append(f"[the full report]({LINKS}{self._keep(lines)})")
        if links:
            lines += ["", "Files: " + " · ".join(links)]
        print("\n".join(["", BEGIN, *lines, END]))

    def _keep(self, lines):
        path = self._free(f"{self.stem}-report.md")
        title = f"# {os.path.basename(self.path)}"
        note = ("*Made by Cloche's offline analyst: rules computed and worded all of this; no language model took part. "
                "The details follow the summary.*")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n\n".join([title, "\n".join(lines), note, *self.pages]) + "\n")
        return path


def refuse(sentence):
    """The whole answer, where a file cannot be analysed."""
    print(f"{BEGIN}\n{sentence}\n{END}")

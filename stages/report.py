"""Draw a page that shows a run, or a change and what came of it: one file that needs no network.

    python -m stages.report [BASE [HEAD]]

With BASE, it begins with what `stages.review` says. Grades are shown of the simulated cohort only,
unless you ask for them; keep such a page where the grades may be.
"""

import argparse
import base64
import io
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from nextsem import figures
from nextsem.files import whole_files
from stages.change import CROSSVALIDATION, Change, headlines
from stages.review import PLOTS, markdown, number, templates
from stages.revisions import Revision, md5

PREDICTED = "data/predictions/test.csv"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.report")
    parser.add_argument("base", nargs="?", help="what to hold it against: main, say")
    parser.add_argument("head", nargs="?", help="what to show; the workspace, if not given")
    parser.add_argument("--output", type=Path, default=Path("report.html"))
    parser.add_argument(
        "--with-grades", action="store_true", help="show grades that are somebody's, too"
    )
    arguments = parser.parse_args()
    head = Revision.find(arguments.head)
    base = Revision.find(arguments.base) if arguments.base else None
    text = page(base, head, arguments.with_grades)
    with whole_files() as place:
        place(arguments.output).write_text(text, encoding="utf-8")
    print(f"{arguments.output}: {len(text) / 1e6:.1f} MB; open it in a browser")


@dataclass(frozen=True)
class Picture:
    """A picture, what it is of, and what it shows, in words."""

    caption: str
    png: bytes
    words: str

    @property
    def address(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as on paper, in CSS pixels."""
        pixels = struct.unpack(">II", self.png[16:24])  # in the first chunk of any PNG
        width, height = (round(96 * count / figures.DOTS_PER_INCH) for count in pixels)
        return width, height


@dataclass(frozen=True)
class Section:
    """Pictures of one kind, or why there is none."""

    title: str
    pictures: list[Picture]
    remark: str = ""

    @property
    def id(self) -> str:
        return slug(self.title)


def page(base: Revision | None, head: Revision, with_grades: bool) -> str:
    """The page, as HTML."""
    revisions = [base, head] if base else [head]
    if base:
        change = Change(base, head)
        report, verdict = markdown(change), change.verdict
    else:
        report, verdict = alone(head), ""
    sections = [Section("Loss", once([loss(each) for each in revisions]))]
    sections.append(predicted(head, with_grades))
    sections += [kept(title, path, revisions) for title, path in PLOTS.items()]
    body, contents = to_html(report)
    return (
        templates()
        .get_template("report.html")
        .render(
            title=report.splitlines()[0].removeprefix("# "),
            report=body,
            contents=contents,
            verdict=verdict.replace(" ", "-"),
            sections=sections,
        )
    )


def alone(head: Revision) -> str:
    """What is told of one revision, in Markdown."""
    metrics = {title: value for (_, title), value in headlines(head).items()}
    return templates().get_template("alone.md").render(head=head, metrics=metrics)


def to_html(report: str) -> tuple[str, dict[str, str]]:
    """A report in Markdown as HTML, and its headings by their ids."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(report)
    contents = {}
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            title = tokens[place + 1].content
            token.attrSet("id", slug(title))
            contents[slug(title)] = title
    html = reader.renderer.render(tokens, reader.options, {})
    # A wide table scrolls by itself, with keys as well.
    html = html.replace(
        "<table>", '<div class="wide" role="group" tabindex="0" aria-label="Table"><table>'
    )
    return html.replace("</table>", "</table></div>"), contents


def slug(title: str) -> str:
    """A heading's id."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def loss(revision: Revision) -> Picture:
    """The loss curve of a revision."""
    curve = revision.table("metrics/plots/loss.csv")
    words = f"{len(curve)} epochs, training loss {number(curve['train'].iloc[-1])} at the end"
    if "validation" in curve and curve["validation"].notna().any():
        least = curve["validation"].min()
        epoch = curve["epoch"][curve["validation"] == least].iloc[0]
        words += f", validation loss least at epoch {epoch} ({number(least)})"
    return Picture(str(revision), png(figures.loss(curve)), words)


def predicted(head: Revision, with_grades: bool) -> Section:
    """Forecasts of the test rows against their grades, where these are there and may be shown.

    Git has no grades; they are in the workspace, if what it has is what dvc.lock says.
    """
    title = "Predicted against actual"
    content = Path(PREDICTED).read_bytes() if Path(PREDICTED).is_file() else b""
    if md5(content) != head.checksums("outs").get(PREDICTED):
        remark = f"Git has no grades, and {PREDICTED} of {head} is not in this workspace."
        return Section(title, [], remark)
    if not (head.simulated or with_grades):
        return Section(title, [], "Left out: it would show grades; --with-grades puts it in.")
    students = pd.read_csv(io.BytesIO(content))
    error = (students["forecast"] - students["actual"]).abs()
    words = (
        f"{len(students)} students; half of the forecasts are off by less than {error.median():.2f}, "
        f"the worst by {error.max():.2f}; correlation {students['forecast'].corr(students['actual']):.2f}"
    )
    return Section(title, [Picture(str(head), png(figures.predicted(students)), words)])


def kept(title: str, path: str, revisions: list[Revision]) -> Section:
    """A picture that the pipeline has drawn, of each revision."""
    drawn = {each: content for each in revisions if (content := each.content(path))}
    pictures = [Picture(str(each), drawn[each], WORDS[path](each)) for each in drawn]
    without = [str(each) for each in revisions if each not in drawn]
    return Section(title, once(pictures), f"None of {', '.join(without)}." if without else "")


def once(pictures: list[Picture]) -> list[Picture]:
    """Of two pictures that are the same, one."""
    if len(pictures) == 2 and pictures[0].png == pictures[1].png:
        return [replace(pictures[1], caption="the same in both")]
    return pictures


def png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figures.save(figure, drawn)
    return drawn.getvalue()


def words_of_forecasters(revision: Revision) -> str:
    forecasters = revision.metrics(CROSSVALIDATION)["forecasters"]
    return "Mean squared error: " + "; ".join(
        f"{name.replace('_', ' ')} {number(each['mse'])}" for name, each in forecasters.items()
    )


def words_of_groups(revision: Revision) -> str:
    columns = revision.metrics(CROSSVALIDATION).get("groups", {})
    return "Mean squared error: " + "; ".join(
        f"{column} {group} {number(each.get('mse'))}"
        for column, groups in columns.items()
        for group, each in groups.items()
    )


def words_of_reliability(revision: Revision) -> str:
    path = "metrics/plots/reliability.csv"
    if revision.content(path) is None:
        return ""
    return "; ".join(
        f"of {students:.0f} students with a risk of {risk:.0%} it happened to {happened:.0%}"
        for risk, happened, students in revision.table(path).to_numpy()
    )


def words_of_heatmap(revision: Revision) -> str:
    pairs = revision.table("metrics/plots/correlation.csv").set_index("column")
    target = pairs.columns[len(revision.parameters["data.semesters"]) - 1]
    return f"With {target}: " + "; ".join(
        f"{column} {value:.2f}" for column, value in pairs[target].drop(target).items()
    )


WORDS = {
    "metrics/plots/forecasters.png": words_of_forecasters,
    "metrics/plots/groups.png": words_of_groups,
    "metrics/plots/reliability.png": words_of_reliability,
    "metrics/plots/correlation_heatmap.png": words_of_heatmap,
}


if __name__ == "__main__":
    main()

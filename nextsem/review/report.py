"""Report of a run, or of a change and its effect: one self-contained HTML file."""

import base64
import io
from dataclasses import dataclass
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.figure import Figure
from PIL import Image

from nextsem.comparison import pictures
from nextsem.comparison.wording import number
from nextsem.review.change import CROSSVALIDATION, Change, headlines
from nextsem.review.review import PLOTS, markdown, templates
from nextsem.review.revisions import CARD, Revision, flat
from nextsem.shared.errors import InputError

TABLES = ("reliability", "by_semester")
LOSS = "metrics/plots/loss.csv"
PREDICTED = "data/predictions/test.csv"


@dataclass(frozen=True)
class Picture:
    """A picture with its caption and its text alternative (`words`)."""

    caption: str
    png: bytes
    words: str

    @property
    def address(self) -> str:
        """The picture as a data URL, in few colours: a third of the bytes."""
        small = io.BytesIO()
        Image.open(io.BytesIO(self.png)).convert("RGB").quantize(64).save(small, "PNG")
        return "data:image/png;base64," + base64.b64encode(small.getvalue()).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Printed width and height, in CSS pixels."""
        (width, height), inch = Image.open(io.BytesIO(self.png)).size, pictures.DOTS_PER_INCH
        return round(96 * width / inch), round(96 * height / inch)


@dataclass(frozen=True)
class Section:
    """Pictures of one kind, or a remark why there is none."""

    title: str
    pictures: list[Picture]
    remark: str = ""


def page(base: Revision | None, head: Revision, with_grades: bool) -> str:
    """The page, as HTML.

    Parameters
    ----------
    base : the revision to compare with; None to show only the head
    with_grades : whether to show grades of real students
    """
    sections: list[Section] = []
    change = Change(base, head) if base else None
    if not (change and change.nothing):
        revisions = [base, head] if base else [head]
        drawn = [redrawn(each) for each in revisions]
        forward = any(each.metrics(CROSSVALIDATION).get("forward") for each in revisions)
        sections += [
            kept(title, path, revisions, drawn)
            for title, path in PLOTS.items()
            if forward or not path.endswith("forward.png")  # otherwise the figure is empty
        ]
        sections += [predicted(head, with_grades), Section("Loss", once(losses(revisions)))]
    report = markdown(change) if change else alone(head)
    first, parts = to_html(report)
    return (
        templates()
        .get_template("report.html")
        .render(
            title=report.splitlines()[0].removeprefix("# "),
            first=first,
            parts=parts,
            verdict=change.verdict if change else "",
            sections=sections,
        )
    )


def alone(head: Revision) -> str:
    """The report of one revision, in Markdown."""
    metrics = {title: value for (_, title), value in headlines(head).items()}
    mse = next(iter(metrics.values()))
    text = templates().get_template("alone.md").render(head=head, metrics=metrics, mse=mse)
    card = (head.content(CARD) or b"").decode("utf-8")
    return text + "".join(f"\n## {part}" for part in card.split("\n## ")[1:])


def to_html(report: str) -> tuple[str, dict[str, str]]:
    """A Markdown report as HTML: the text before the first section, and sections by title."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")

    def html(tokens: list[Token]) -> str:
        text: str = reader.renderer.render(tokens, reader.options, {})
        # A wide table scrolls on its own, also by keyboard.
        box = '<div class="wide" role="group" tabindex="0" aria-label="Table">'
        return text.replace("<table>", f"{box}<table>").replace("</table>", "</table></div>")

    tokens = reader.parse(report)
    starts = [
        place for place, token in enumerate(tokens) if token.markup == "##" and token.nesting == 1
    ]
    parts = {}
    for start, end in pairwise([*starts, len(tokens)]):
        parts[tokens[start + 1].content] = html(tokens[start + 3 : end])
    return html(tokens[: starts[0] if starts else len(tokens)]), parts


def losses(revisions: list[Revision]) -> list[Picture]:
    """The loss curve of each revision, with the same axis limits."""
    curves = [each.table(LOSS) for each in revisions]
    figures = [pictures.loss(curve) for curve in curves]
    for axes in (figure.axes[0] for figure in figures):
        axes.set_xlim(0, max(curve["epoch"].max() for curve in curves))
        axes.set_ylim(0, max(figure.axes[0].get_ylim()[1] for figure in figures))
    return [
        Picture(str(each), png(figure), f"Least loss: {least(curve)}")
        for each, figure, curve in zip(revisions, figures, curves, strict=True)
    ]


def least(curve: pd.DataFrame) -> str:
    losses = curve.filter(["train", "validation"]).min()
    return ", ".join(f"{what} {loss:.4f}" for what, loss in losses.items())


def predicted(head: Revision, with_grades: bool) -> Section:
    """Forecasts against grades of the test rows, if available and allowed to be shown.

    Grades are not in Git, only in the workspace or in a DVC cache.
    """
    title = "Forecast by actual grade"
    content = head.cached(PREDICTED)
    if content is None:
        remark = f"Git has no grades, and {PREDICTED} of {head} is not in this workspace."
        return Section(title, [], remark)
    if not (head.simulated or with_grades):
        return Section(title, [], "Left out: it would show grades; --with-grades shows it.")
    students = pd.read_csv(io.BytesIO(content))
    error = (students["forecast"] - students["actual"]).abs()
    words = (
        f"{len(students)} forecasts; half of them miss by less than {error.median():.2f}, the worst "
        f"by {error.max():.2f}; correlation {students['forecast'].corr(students['actual']):.2f}"
    )
    return Section(title, [Picture(str(head), png(pictures.predicted(students)), words)])


def kept(
    title: str, path: str, revisions: list[Revision], drawn: list[dict[str, Figure]]
) -> Section:
    """A picture of the pipeline for each revision, with the same axis limits if redrawn."""
    contents = {each: content for each in revisions if (content := each.content(path))}
    figures = [own[name] for own in drawn if (name := Path(path).stem) in own]
    if len(figures) == len(contents) == 2:
        pictures.share_axes(figures)
        contents = {each: png(own) for each, own in zip(contents, figures, strict=True)}
    found = [Picture(str(each), png, words_of(path, each)) for each, png in contents.items()]
    without = [str(each) for each in revisions if each not in contents]
    return Section(title, once(found), f"None of {', '.join(without)}." if without else "")


def redrawn(revision: Revision) -> dict[str, Figure]:
    """The pictures of a comparison, redrawn from its metrics; {} if these have an older form."""

    def undefined(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: undefined(inner) for key, inner in value.items()}
        return nan if value is None else value

    try:
        tables = (revision.table(f"metrics/plots/{name}.csv") for name in TABLES)
        return pictures.of_comparison(undefined(revision.metrics(CROSSVALIDATION)), *tables)
    except (InputError, KeyError, TypeError, ValueError):
        return {}


def once(found: list[Picture]) -> list[Picture]:
    """The pictures, or only one if both are equal."""
    if len(found) == 2 and found[0].png == found[1].png:
        return [Picture("the same in both", found[1].png, found[1].words)]
    return found


def png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    pictures.save(figure, drawn)
    return drawn.getvalue()


def words_of(path: str, revision: Revision) -> str:
    """Text alternative of a picture: its errors, or the table that has its numbers."""
    name = Path(path).stem
    shown = revision.metrics(CROSSVALIDATION).get(name, {})
    errors = [
        f"{' '.join(key.split('.')[:-1])} {number(value)}"
        for key, value in flat(shown)
        if key.endswith((".mse", ".network"))
    ]
    if errors:
        return f"Mean squared error: {'; '.join(errors)}"
    return f"The numbers are in metrics/plots/{name.removesuffix('_heatmap')}.csv"

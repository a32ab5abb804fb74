"""Tell what a change did, as Markdown: a verdict in plain words first, the figures below it."""

import json
import re
from math import sqrt
from pathlib import Path
from typing import Any

import jinja2

from nextsem.review.change import Change

PLOTS = {
    "Error of each forecaster": "metrics/plots/forecasters.png",
    "Error by term": "metrics/plots/by_semester.png",
    "Error, bias and coverage by group": "metrics/plots/groups.png",
    "Observed frequency by predicted risk": "metrics/plots/reliability.png",
    "Correlation of the numeric columns": "metrics/plots/correlation_heatmap.png",
}


def markdown(change: Change, links: str | None = None) -> str:
    """The review of a change.

    Parameters
    ----------
    links : what the addresses of the plots start with; None leaves them out
    """
    plots = {
        title: path
        for title, path in PLOTS.items()
        if change.base.content(path) != change.head.content(path)
    }
    return templates().get_template("review.md").render(change=change, links=links, plots=plots)


def templates() -> jinja2.Environment:
    """The templates beside this file, with filters that write figures and texts."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "signed": signed, "to": interval, "p": p_value}
    environment.filters |= {"miss": miss, "cell": cell, "slug": slug}
    return environment


def number(value: Any) -> str:
    """A figure to four decimals, a count as it is, nothing as a dash."""
    return "–" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def interval(low: float, high: float) -> str:
    return f"{low:+.4f} to {high:+.4f}"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def miss(mse: float | None, decimals: int = 2) -> str:
    """The typical miss: the root of a mean squared error, grade points."""
    return "–" if mse is None else f"{sqrt(max(mse, 0)):.{decimals}f}"


def cell(value: Any) -> str:
    """A text or a parameter's value, in which Markdown finds no sign of its own."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return SIGNS.sub(r"\\\1", " ".join(text.split())) or "–"


def slug(title: str) -> str:
    """A heading's id, or a class."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


# Of Markdown; an underscore within a word, or a bracket before nothing, is none.
SIGNS = re.compile(r"([\\`*<>|]|~(?=~)|\](?=[(\[:])|(?<!\w)_|_(?!\w)|&(?=[#\w]))")

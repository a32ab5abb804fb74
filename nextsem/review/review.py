"""The review of a change in Markdown: a verdict in plain words first, then the figures."""

from pathlib import Path

import jinja2

from nextsem.comparison.wording import environment
from nextsem.review.change import Change

PLOTS = {
    "Error of each forecaster": "metrics/plots/forecasters.png",
    "Error by term": "metrics/plots/by_semester.png",
    "Points in time": "metrics/plots/forward.png",
    "Error, bias and coverage by group": "metrics/plots/groups.png",
    "Observed frequency by predicted risk": "metrics/plots/reliability.png",
    "Correlation of the numeric columns": "metrics/plots/correlation_heatmap.png",
}


def markdown(change: Change, links: str | None = None) -> str:
    """The review of a change, in Markdown.

    Parameters
    ----------
    links : prefix of the links to the plots; None for no links
    """
    plots = {
        title: path
        for title, path in PLOTS.items()
        if change.base.content(path) != change.head.content(path)
    }
    return templates().get_template("review.md").render(change=change, links=links, plots=plots)


def templates() -> jinja2.Environment:
    """The Jinja environment for the templates of this package."""
    return environment(Path(__file__).parent / "templates")

"""Say what a change does to the forecasts, and whether that is more than luck.

    python -m stages.review BASE [HEAD]

Both are revisions of Git or names of experiments; without HEAD, it is the workspace. Nothing is read
but what a revision has in Git: parameters, checksums, metrics, and errors under pseudonymous keys.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import jinja2

from stages.change import Change
from stages.revisions import Revision

PLOTS = {
    "Cross-validated error of each forecaster": "metrics/plots/forecasters.png",
    "For whom is it worse?": "metrics/plots/groups.png",
    "Reliability of the risk": "metrics/plots/reliability.png",
    "Correlation of the numeric columns": "metrics/plots/correlation_heatmap.png",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.review")
    parser.add_argument("base", help="what to hold it against: main, say")
    parser.add_argument("head", nargs="?", help="the change; the workspace, if not given")
    parser.add_argument("--fail-if-worse", action="store_true", help="exit with status 1 if it is")
    parser.add_argument(
        "--links", default="", metavar="ADDRESS", help="what the links to the plots start with"
    )
    arguments = parser.parse_args()
    change = Change(Revision.find(arguments.base), Revision.find(arguments.head))
    print(markdown(change, arguments.links), end="")
    if arguments.fail_if_worse and change.verdict == "worse":
        sys.exit(1)


def markdown(change: Change, links: str | None = None) -> str:
    """The report; `links` is what the addresses of the plots start with, None leaves them out."""
    plots = {
        title: (path, change.base.content(path) != change.head.content(path))
        for title, path in PLOTS.items()
    }
    return templates().get_template("review.md").render(change=change, links=links, plots=plots)


def templates() -> jinja2.Environment:
    """The templates beside this file, with what they write numbers and texts by."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "signed": signed, "p": p_value, "cell": cell}
    return environment


def number(value: Any) -> str:
    """A figure to four decimals, a count as it is, nothing as a dash."""
    return "–" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def cell(value: Any) -> str:
    """A text or a parameter's value, in which Markdown finds no sign of its own."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return SIGNS.sub(r"\\\1", " ".join(text.split())) or "–"


# Of Markdown; an underscore within a word, or a bracket before nothing, is none.
SIGNS = re.compile(r"([\\`*<>|]|~(?=~)|\](?=[(\[:])|(?<!\w)_|_(?!\w)|&(?=[#\w]))")


if __name__ == "__main__":
    main()

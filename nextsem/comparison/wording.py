"""Jinja environment and filters that format numbers and text for Markdown."""

import json
import re
from math import sqrt
from pathlib import Path
from typing import Any

import jinja2


def environment(folder: Path) -> jinja2.Environment:
    """A Jinja environment for a folder of templates, with the filters below."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "signed": signed, "to": interval, "p": p_value}
    environment.filters |= {"miss": miss, "cell": cell, "slug": slug, "percent": percent}
    return environment


def number(value: Any) -> str:
    """A float with four decimals, an integer as it is, None as a dash."""
    return "–" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def percent(value: float | None) -> str:
    """A share as a percentage without decimals, since intervals are seldom narrower."""
    return "–" if value is None else f"{round(100 * value)} %"


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
    """A text or a parameter's value on one line, with Markdown escaped."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return SIGNS.sub(r"\\\1", " ".join(text.split())) or "–"


def slug(title: str) -> str:
    """A heading as an HTML id or class."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


# Characters to escape in Markdown; not an underscore within a word, nor a lone bracket.
SIGNS = re.compile(r"([\\`*<>|]|~(?=~)|\](?=[(\[:])|(?<!\w)_|_(?!\w)|&(?=[#\w]))")

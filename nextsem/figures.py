"""Pictures."""

import warnings
from math import isnan
from pathlib import Path
from typing import BinaryIO

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nextsem.scores import Difference

matplotlib.rcParams["text.parse_math"] = False  # a name may hold a $

DOTS_PER_INCH = 120
_UNDEFINED = "#e6e6e6"


def heatmap(
    pairs: pd.DataFrame, grades: int, target: str, ratios: dict[str, float], table: str
) -> Figure:
    """Pearson correlations as an annotated heatmap.

    Parameters
    ----------
    pairs : correlations of columns with columns, NaN where undefined
    grades : how many of the first columns are quantities; the others are only names (codes, rolls)
    target : the column that is to be forecast
    ratios : correlation ratio of each named category with the target
    table : the table's name and its number of rows
    """
    count = len(pairs)
    side = 1.8 + 0.62 * count
    figure = Figure(figsize=(side + 1.2, side + 0.6), layout="constrained")
    axes = figure.add_subplot()
    colors = matplotlib.colormaps["RdBu_r"].with_extremes(bad=_UNDEFINED)
    values = pairs.to_numpy(dtype=float)
    image = axes.imshow(values, cmap=colors, norm=Normalize(-1, 1))
    size = max(4.0, min(10.0, 110 / count))
    for row, column in np.ndindex(count, count):
        value = values[row, column]
        named = max(row, column) >= grades
        axes.text(
            column,
            row,
            "–" if isnan(value) else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=size,
            color="#777777" if isnan(value) else "white" if abs(value) > 0.6 else "#222222",
            style="italic" if named else "normal",
        )
    for row, column in np.argwhere(np.isnan(values)):
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="///", lw=0)
        axes.add_patch(cell).set_edgecolor("#bbbbbb")
    if grades < count:  # A pale veil over what is only names.
        for corner, width, height in (
            ((grades - 0.5, -0.5), count - grades, count),
            ((-0.5, grades - 0.5), grades, count - grades),
        ):
            axes.add_patch(Rectangle(corner, width, height, color="white", alpha=0.45, lw=0))
        axes.axhline(grades - 0.5, color="#222222", lw=1.5)
        axes.axvline(grades - 0.5, color="#222222", lw=1.5)
    axes.set_xticks(range(count), pairs.columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), pairs.columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(f"Correlation of the numeric columns\n{table}", loc="left")
    axes.set_xlabel("\n".join(_notes(pairs, grades, target, ratios)), loc="left", labelpad=12)
    figure.colorbar(image, shrink=0.7, label="Pearson correlation, pairwise complete")
    return figure


def comparison(errors: dict[str, float], against: dict[str, Difference], title: str) -> Figure:
    """Every forecaster's cross-validated error, with the interval of its difference from the network.

    Parameters
    ----------
    errors : MSE of each forecaster, squared grade points
    against : network minus each other one
    """
    names = sorted(errors, key=lambda name: errors[name], reverse=True)
    figure = Figure(figsize=(8.5, 1.6 + 0.42 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    network = errors["network"]
    for place, name in enumerate(names):
        error = errors[name]
        color = "#b2182b" if name == "network" else "#2166ac"
        note = f"{error:.4f}"
        if name in against:
            low, high = network - against[name].high, network - against[name].low
            axes.plot([low, high], [place, place], color=color, lw=2, solid_capstyle="butt")
            p = against[name].p
            note += "   p < 0.001" if p < 0.001 else f"   p = {p:.3f}"
        axes.plot(error, place, "o", color=color, ms=8)
        axes.annotate(
            note,
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            annotation_clip=False,
        )
    axes.axvline(network, color="#b2182b", lw=1, ls=":")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.set_xlabel(
        "Mean squared error, squared grade points. Bars: where the error lies by the corrected 95 %\n"
        "interval of its difference from the network; one that crosses the dotted line is no proof.",
        loc="left",
        fontsize=9,
    )
    axes.set_title(f"Cross-validated error of each forecaster\n{title}", loc="left")
    return figure


def reliability(bins: pd.DataFrame, line: str, metrics: dict[str, float], title: str) -> Figure:
    """How often it came to be, where the risk was so and so high; on the diagonal it is right.

    Parameters
    ----------
    bins : columns risk, happened and students, as `scores.reliability` gives them
    line : what the risk is of, in words
    metrics : Brier scores
    """
    figure = Figure(figsize=(6.2, 6.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#777777", lw=1, ls=":")
    if bins.empty:
        axes.text(0.5, 0.5, "no risk was given", ha="center", color="#777777")
    else:
        spread = np.sqrt(bins["risk"] * (1 - bins["risk"]) / bins["students"])
        low, high = (bins["risk"] - 2 * spread).clip(0, 1), (bins["risk"] + 2 * spread).clip(0, 1)
        axes.vlines(bins["risk"], low, high, color="#92c5de", lw=5, alpha=0.7)
        axes.plot(bins["risk"], bins["happened"], "o-", color="#b2182b", ms=6, lw=1)
        for risk, happened, students in bins.to_numpy():
            axes.annotate(
                f"{students:.0f}",
                (risk, happened),
                (6, -11),
                textcoords="offset points",
                fontsize=8,
                color="#444444",
            )
        scored = (
            f"Brier score {metrics['brier']:.4f}; linear regression {metrics['brier_linear']:.4f}; "
            f"base rate {metrics['brier_base']:.4f}"
        )
        axes.set_xlabel(
            f"Risk that was given: {scored}.\nNumbers: students. Blue: where the share is to be "
            "expected (2 standard errors) if the risk is right.",
            loc="left",
            fontsize=9,
        )
    axes.set_ylabel("Share to whom it happened")
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Risk of {line}, out of fold\n{title}", loc="left", fontsize=11)
    return figure


def groups(columns: dict[str, dict[str, dict[str, float]]], coverage: float, title: str) -> Figure:
    """How good the forecasts are for each group of students, with 95 % intervals.

    Parameters
    ----------
    columns : for each column, what `scores.by_group` gives
    coverage : that ranges are to have
    """
    rows = [(name, group, each) for name, own in columns.items() for group, each in own.items()]
    rows.reverse()  # The first one stands on top.
    figure = Figure(figsize=(10.5, 1.9 + 0.36 * len(rows)), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for axes, key, label in zip(
        panels,
        ("mse", "bias", "coverage"),
        ("Mean squared error", "Bias (forecast less actual)", "Coverage of the ranges"),
        strict=True,
    ):
        for place, (_, _, each) in enumerate(rows):
            if each.get(key) is None or isnan(each[key]):
                continue
            axes.plot([each[f"{key}_low"], each[f"{key}_high"]], [place] * 2, color="#2166ac", lw=2)
            axes.plot(each[key], place, "o", color="#2166ac", ms=6)
        axes.set_xlabel(label, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
    panels[1].axvline(0, color="#777777", lw=1, ls=":")
    panels[2].axvline(coverage, color="#777777", lw=1, ls=":")
    names = [f"{name}: {group}  ({each['n']} students)" for name, group, each in rows]
    panels[0].set_yticks(range(len(rows)), names)
    panels[0].set_ylim(-0.6, max(len(rows), 1) - 0.4)
    figure.suptitle(
        f"For whom is it worse? Out of fold, with 95 % intervals\n{title}",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    return figure


def loss(curve: pd.DataFrame) -> Figure:
    """The loss after each epoch.

    Parameters
    ----------
    curve : columns epoch, train and, where rows were held out, validation
    """
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for column, color in (("train", "#2166ac"), ("validation", "#b2182b")):
        if column in curve:
            axes.plot(curve["epoch"], curve[column], color=color, lw=2, label=column)
    axes.legend(frameon=False)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd")
    axes.set_axisbelow(True)
    axes.set_xlabel("Epoch")
    axes.set_ylabel("Mean squared error, as it is scaled")
    axes.set_title("Loss of the networks still learning (mean)", loc="left")
    return figure


def predicted(students: pd.DataFrame) -> Figure:
    """Forecasts against actual grades, with their ranges; on the diagonal they are right.

    Parameters
    ----------
    students : columns actual, forecast, low and high, grade points; no range where that is missing
    """
    figure = Figure(figsize=(5.6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    grades = students[["actual", "forecast"]].to_numpy(dtype=float)
    ends = [grades.min(), grades.max()]
    axes.plot(ends, ends, color="#777777", lw=1, ls=":")
    axes.vlines(students["actual"], students["low"], students["high"], color="#92c5de", lw=2)
    axes.plot(students["actual"], students["forecast"], "o", color="#b2182b", ms=5)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("Actual grade")
    axes.set_ylabel("Forecast, with its range")
    axes.set_title(f"Forecasts of {len(students)} test students", loc="left")
    return figure


def save(figure: Figure, path: Path | BinaryIO) -> None:
    """Write a figure as PNG, the same bytes each time.

    In matplotlib's own font, since others differ between machines; letters that it lacks, such as
    Chinese ones, are boxes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(
            path, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None}
        )


def _notes(pairs: pd.DataFrame, grades: int, target: str, ratios: dict[str, float]) -> list[str]:
    notes = []
    if pairs.isna().to_numpy().any():
        notes.append("–  undefined: a constant column, or too few rows with both")
    if grades < len(pairs):
        notes.append(
            "Pale, in italics: codes and rolls are only names; their coefficient means nothing"
        )
    notes += [
        f"{column} as a category, with {target}: correlation ratio (eta) "
        + ("undefined" if isnan(ratio) else f"{ratio:.2f}")
        for column, ratio in ratios.items()
    ]
    return notes

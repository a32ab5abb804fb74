"""Figures: each function draws one, `save` writes it.

They are narrow enough that their text can be read on a phone.
"""

import textwrap
import warnings
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.rcParams["text.parse_math"] = False  # a name may contain a $

DOTS_PER_INCH = 150
NAMES = {
    "network": "network",
    "mean": "mean of all students",
    "last": "copy of the last grade",
    "own_mean": "mean of own grades",
    "linear": "linear regression",
    "linear_static": "linear regression\nwith categories",
    "pooled_ridge": "ridge regression,\nslopes by category",
    "forest": "random forest",
    "boosted_trees": "boosted trees",
}
_WIDTH = 5.2  # inches
_OURS, _THEIRS, _PALE, _GREY = "#b2182b", "#2166ac", "#92c5de", "#777777"


def of_comparison(
    metrics: dict[str, Any], bins: pd.DataFrame, terms: pd.DataFrame
) -> dict[str, Figure]:
    """All figures of a comparison, by name.

    Parameters
    ----------
    metrics : content of `metrics/crossvalidation.json`, NaN for null
    bins, terms : content of `metrics/plots/reliability.csv` and `by_semester.csv`
    """
    of, ahead = metrics["of"], metrics["forward"]
    title = f"{of['students']:,} students, {of['repeats']} x {of['folds']} folds"
    quarter = metrics["intervals"]["weakest"]
    weakest = {"Forecast": {f"{quarter['forecasts']} quarter": quarter}} if quarter else {}
    return {
        "forecasters": forecasters(metrics["forecasters"], metrics["against"], title),
        "by_semester": by_semester(terms, title),
        "forward": forward(ahead, of["coverage"], f"{ahead['n']:,} forecasts" if ahead else ""),
        "groups": groups(weakest | metrics["groups"], of["coverage"], title),
        "reliability": reliability(bins, of["risk_of"], metrics["risk"], title),
    }


def share_axes(figures: list[Figure]) -> None:
    """Give the axes of similar figures the same limits, so that they can be compared by eye."""
    for plots in zip(*(figure.axes for figure in figures), strict=False):
        for which in ("xlim", "ylim"):
            limits = np.array([getattr(axes, f"get_{which}")() for axes in plots])
            upwards = limits[0, 0] < limits[0, 1]
            low, high = limits.min(), limits.max()
            for axes in plots:
                axes.set(**{which: (low, high) if upwards else (high, low)})


def forecasters(
    scores: dict[str, dict[str, float]], against: dict[str, dict[str, float]], title: str
) -> Figure:
    """Cross-validated error of each forecaster, with intervals of differences from the network.

    `scores` and `against` are those of `summaries.summary`.
    """
    errors = {name: each["mse"] for name, each in scores.items()}
    names = sorted(errors, key=lambda name: errors[name], reverse=True)
    network = errors["network"]
    most = 2 * network  # errors beyond this would squeeze the others together
    figure, axes = _new(1.7 + 0.46 * len(names), "Cross-validated error", title)
    for place, name in enumerate(names):
        color = _OURS if name == "network" else _THEIRS
        note = f"{errors[name]:.3f}"
        if name in against:
            low, high, p = (against[name][key] for key in ("low", "high", "p"))
            ends = np.clip([network - high, network - low], None, most)
            axes.plot(ends, [place] * 2, color=color, lw=3, alpha=0.5)
            note += "  p < 0.001" if p < 0.001 else f"  p = {p:.3f}"
        marker = "o" if errors[name] < most else ">"
        axes.plot(min(errors[name], most), place, marker, color=color, ms=7)
        axes.annotate(note, (1.02, place), xycoords=("axes fraction", "data"), va="center", size=9)
    axes.axvline(network, color=_OURS, lw=1, ls=":")
    axes.set_yticks(range(len(names)), [NAMES.get(name, name) for name in names])
    axes.set(ylim=(-0.6, len(names) - 0.4), xlabel="Mean squared error, squared grade points")
    _note(
        figure,
        "Bars: 95 % interval of the difference from the network. Where a bar crosses the dotted "
        "line, the difference may be chance. Arrows: at least twice the network's error.",
    )
    return figure


def by_semester(terms: pd.DataFrame, title: str) -> Figure:
    """Errors of the network, a copy and linear regression for each forecast term.

    `terms` has columns semester, network, last and linear (MSE), and the number of students n.
    """
    figure, axes = _new(4.2, "Error by the semester that is forecast", title)
    _errors(axes, terms, "last")
    _name_terms(axes, terms["semester"], terms["n"])
    axes.grid(axis="x", visible=False)
    axes.set(xlabel="Semester, and number of students", ylabel="Mean squared error")
    return figure


def forward(found: dict[str, Any], coverage: float, title: str) -> Figure:
    """Error and coverage at each point in time, forecast from what was known before it.

    `found` is `forward` of `summaries.summary`; `coverage` is the nominal one of the intervals.
    """
    heading = "Points in time, forecast from what was known before"
    if not found:
        figure, axes = _new(1.1, heading, "none was forecast")
        axes.set_axis_off()
        _note(figure, "With transcripts, crossvalidate.origins in params.yaml asks for some.")
        return figure
    figure = Figure(figsize=(_WIDTH, 5.4), layout="constrained")
    _title(figure, heading, title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    origins = pd.DataFrame(found["origins"]).T
    _errors(above, origins, "boosted_trees")
    below.plot(range(len(origins)), origins["coverage"], "o-", color=_OURS, ms=5)
    below.axhline(coverage, color=_GREY, lw=1, ls=":")
    _name_terms(below, origins.index, origins["n"])
    for axes, label in ((above, "Mean squared error"), (below, "Coverage")):
        _plain(axes)
        axes.set_ylabel(label)
    below.set_xlabel("Point in time, and number of students")
    return figure


def _errors(axes: Axes, table: pd.DataFrame, other: str) -> None:
    """Plot the errors of the network, linear regression and another forecaster, row by row."""
    styles = {"network": ("o-", _OURS), "linear": ("^-", _THEIRS), other: ("s-", _GREY)}
    for name, (style, color) in styles.items():
        axes.plot(range(len(table)), table[name], style, color=color, ms=5, label=NAMES[name])
    axes.margins(x=0.08)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=3, frameon=False, fontsize=8.5)


def _name_terms(axes: Axes, names: Iterable[object], counts: Iterable[float]) -> None:
    """Label the x axis with terms and numbers of students, only some if there are many."""
    labels = [f"{name}\n{count:,.0f}" for name, count in zip(names, counts, strict=True)]
    step = 1 + len(labels) // 8
    axes.set_xticks(range(0, len(labels), step), labels[::step], fontsize=9)


def reliability(bins: pd.DataFrame, risk_of: str, scores: dict[str, float], title: str) -> Figure:
    """Reliability diagram: observed frequency by predicted risk, on the diagonal if calibrated.

    `bins` are from `metrics.reliability`; `risk_of` says in words what the risk is of.
    """
    figure, axes = _new(5.6, f"Observed frequency by predicted risk of {risk_of}", title)
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1, ls=":")
    axes.set_aspect("equal")
    ticks = [0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]
    roots = (np.sqrt, np.square)  # more room for low risks, which most students have
    axes.set_xscale("function", functions=roots)
    axes.set_yscale("function", functions=roots)
    axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Predicted risk", ylabel="Observed frequency")
    if bins.empty:
        axes.text(0.5, 0.5, "no risk was predicted", ha="center", color=_GREY)
        return figure
    risk, happened, forecasts = (bins[name] for name in ("risk", "happened", "forecasts"))
    reach = 2 * np.sqrt(risk * (1 - risk) / forecasts)
    low, high = (risk - reach).clip(0, 1), (risk + reach).clip(0, 1)
    axes.vlines(risk, low, high, color=_PALE, lw=6, alpha=0.7)
    axes.plot(risk, happened, "o-", color=_OURS, lw=1, clip_on=False)
    for x, y, count in zip(risk, happened, forecasts, strict=True):
        axes.annotate(f"{count:,.0f}", (x, y), (8, 3), textcoords="offset points", fontsize=9)
    _note(
        figure,
        f"Brier score {scores['brier']:.4f}; of linear regression {scores['brier_linear']:.4f}; of "
        f"the base rate {scores['brier_base']:.4f}. Numbers: forecasts in each repeat. Blue: where "
        "95 % of the frequencies lie if the risk is right. Axes by square roots.",
    )
    return figure


def groups(columns: dict[str, dict[str, dict[str, Any]]], coverage: float, title: str) -> Figure:
    """Error, bias and coverage for each group of students, with 95 % intervals.

    `columns` holds the result of `metrics.by_group` for each column; `coverage` is the nominal one
    of the prediction intervals.
    """
    rows = [(name, group, each) for name, own in columns.items() for group, each in own.items()]
    figure = Figure(figsize=(_WIDTH, 1.6 + 0.52 * len(rows)), layout="constrained")
    _title(figure, "Forecasts by group, with 95 % intervals", title)
    panels = figure.subplots(1, 3, sharey=True)
    labels = ("Mean squared\nerror", "Bias (forecast\nless actual)", "Coverage of\nthe ranges")
    for axes, key, label in zip(panels, ("mse", "bias", "coverage"), labels, strict=True):
        for place, (_, _, each) in enumerate(rows):
            if not isnan(each.get(key, np.nan)):
                ends = [each[f"{key}_low"], each[f"{key}_high"]]
                axes.plot(ends, [place] * 2, color=_THEIRS, lw=2)
                axes.plot(each[key], place, "o", color=_THEIRS)
        _plain(axes)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(label)
        axes.tick_params(axis="x", labelsize=8)
        axes.locator_params(axis="x", nbins=3)
    panels[0].set_xlim(left=0)
    panels[1].axvline(0, color=_GREY, lw=1, ls=":")
    panels[2].axvline(coverage, color=_GREY, lw=1, ls=":")
    panels[0].set(yticks=[], ylim=(max(len(rows), 1) - 0.5, -0.7))  # the first one on top
    panels[0].set_zorder(1)  # the names extend over the other panels
    panels[0].patch.set_visible(False)
    for place, (name, group, each) in enumerate(rows):
        panels[0].annotate(
            textwrap.shorten(f"{name}: {group}", 55, placeholder="…") + f" ({each['n']} students)",
            (0, place - 0.3),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        ).set_in_layout(False)
    return figure


def heatmap(
    pairs: pd.DataFrame, grades: int, target: str, ratios: dict[str, float], title: str
) -> Figure:
    """Pearson correlations as a heatmap, larger for quantities than for codes.

    Parameters
    ----------
    pairs : correlation matrix, NaN where undefined
    grades : how many of the first columns are quantities; the others are codes and roll numbers
    target, ratios : the column to forecast, and the correlation ratio of each category with it
    """
    import seaborn  # here, because it takes long to load

    count, names = len(pairs), len(pairs) - grades
    few = count <= 25  # cells are large enough for numbers
    cells = np.array([grades, 0.6 * names])[: 1 + (names > 0)]  # inches, of quantities and names
    labels = min(2.0, 0.3 + 0.07 * max(len(str(column)) for column in pairs))
    cells *= max(min(0.62, 12 / count), (_WIDTH - labels) / cells.sum())
    size = labels + cells.sum()
    figure = Figure(figsize=(size, size + 1.3), layout="constrained")
    _title(figure, "Correlation of the numeric columns", title)
    parts, ratio = len(cells), [*cells]
    panels = figure.subplots(parts, parts, squeeze=False, width_ratios=ratio, height_ratios=ratio)
    if names:
        panels[0, -1].set_axis_off()  # mirrors the lower left
    blocks = [slice(0, grades), slice(grades, None)]
    for i, j in [(0, 0), (1, 0), (1, 1)][: 2 * parts - 1]:
        axes = panels[i, j]
        seaborn.heatmap(
            pairs.iloc[blocks[i], blocks[j]],
            ax=axes,
            xticklabels=i == parts - 1,
            yticklabels=j == 0,
            **{"annot": few, "fmt": ".2f", "annot_kws": {"fontsize": 9 - 2 * i}},
            **{"vmin": -1, "vmax": 1, "cmap": "RdBu_r", "cbar": False, "alpha": 1 - 0.5 * i},
        )
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0, labelsize=9 if few else 7)
        axes.tick_params(axis="x", rotation=90)
        axes.tick_params(axis="y", rotation=0)
    notes = ["Pearson's r of the rows that have both; red is positive, blue negative."]
    if names:
        notes.append("Pale: codes and numbers that only name; their correlation says little.")
    if pairs.isna().to_numpy().any():
        notes.append("Empty: undefined, as a column is constant or too few rows have both.")
    for column, eta in ratios.items():
        notes.append(f"{column} as a category, with {target}: correlation ratio (eta) {eta:.2f}.")
    _note(figure, *notes)
    return figure


def loss(curve: pd.DataFrame) -> Figure:
    """Loss curve; `curve` has the columns epoch, train and, if there is one, validation."""
    figure, axes = _new(3.8, "Loss by epoch", "mean of the networks that are still learning")
    for column, color in (("train", _THEIRS), ("validation", _OURS)):
        if column in curve:
            axes.plot(curve["epoch"], curve[column], color=color, lw=2, label=column)
    axes.legend(frameon=False)
    axes.set(xlabel="Epoch", ylabel="Mean squared error, scaled")
    axes.set_ylim(bottom=0)
    return figure


def predicted(students: pd.DataFrame) -> Figure:
    """Forecasts against actual grades, with their ranges; on the diagonal if correct.

    `students` has columns actual, forecast, low and high, grade points; low and high may be NaN.
    """
    title = f"{len(students)} forecasts of test students"
    figure, axes = _new(5.4, "Forecast by actual grade", title)
    grades = students[["actual", "forecast"]].to_numpy(dtype=float)
    ends = [grades.min(), grades.max()]
    axes.plot(ends, ends, color=_GREY, lw=1, ls=":")
    axes.vlines(students["actual"], students["low"], students["high"], color=_PALE, lw=2)
    axes.plot(students["actual"], students["forecast"], "o", color=_OURS, ms=5)
    axes.set_aspect("equal")
    axes.set(xlabel="Actual grade", ylabel="Forecast, with its range")
    return figure


def save(figure: Figure, path: Path | BinaryIO) -> None:
    """Write a figure as PNG, the same bytes each time.

    In matplotlib's own font, since others differ; letters that it lacks (Chinese) are boxes.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(
            path, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None}
        )


def _new(height: float, heading: str, title: str) -> tuple[Figure, Axes]:
    """A figure with one plot, `height` in inches."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    _title(figure, heading, title)
    axes = figure.add_subplot()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e4e4")
    axes.set_axisbelow(True)


def _title(figure: Figure, heading: str, title: str) -> None:
    figure.suptitle(f"{textwrap.fill(heading, 60)}\n{title}", x=0.01, ha="left", fontsize=11)


def _note(figure: Figure, *lines: str) -> None:
    """Write below the plots how to read them."""
    text = "\n".join(textwrap.fill(line, 82) for line in lines)
    figure.supxlabel(text, x=0.01, ha="left", fontsize=8.5, color="#444444")

"""Which of two runs is better, how large a difference could have been shown, and what got worse."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from nextsem.scores import Difference, wilson

LEVEL = 0.95  # of every interval here
POWER = 0.8

Verdict = Literal["better", "worse", "cannot be told apart"]


def verdict(difference: Difference, p: float | None = None) -> Verdict:
    """What a difference of errors says of the first one, by its p-value or a corrected one."""
    if (difference.p if p is None else p) < 1 - LEVEL:
        return "better" if difference.difference < 0 else "worse"
    return "cannot be told apart"


def detectable(difference: Difference, count: int) -> float:
    """How large a true difference these folds would have shown four times in five.

    That is with `POWER`, by the test of `scores.paired_difference` and the spread of the
    differences that was found: what is missing from "cannot be told apart".

    Parameters
    ----------
    count : of folds that the difference is of
    """
    from scipy.special import nctdtrinc, stdtrit  # here, because few stages compare

    line = stdtrit(count - 1, (1 + LEVEL) / 2)
    error = (difference.high - difference.low) / 2 / line
    return float(nctdtrinc(count - 1, 1 - POWER, line) * error)


def holm(p: Sequence[float]) -> list[float]:
    """The p-values, in the same order, corrected for how many they are.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    steps = np.sort(p) * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(each) for each in corrected]


class Estimate(NamedTuple):
    """A figure and the ends of its interval."""

    value: float
    low: float
    high: float


def change(before: Estimate, after: Estimate, correlation: float = 0.0) -> Estimate:
    """By how much a figure rose, with an interval made from the two intervals alone.

    Zou, "Toward using confidence intervals to compare correlations", Psychological Methods 12, 2007,
    which holds for other figures as well.

    Parameters
    ----------
    correlation : of the two figures; 0 makes the interval too wide where the students are the same
    """

    def reach(up: float, down: float) -> float:
        return float(np.sqrt(max(0.0, up**2 + down**2 - 2 * correlation * up * down)))

    rise = after.value - before.value
    return Estimate(
        rise,
        rise - reach(after.value - after.low, before.high - before.value),
        rise + reach(after.high - after.value, before.value - before.low),
    )


class Worse(NamedTuple):
    """What got worse, for which students, and the corrected p-value of there being no change."""

    whom: str
    what: str
    before: Estimate
    after: Estimate
    change: Estimate
    p: float


MEASURES = {"mse": "mean squared error", "bias": "bias", "coverage": "coverage of the ranges"}


def got_worse(
    before: dict[str, Any], after: dict[str, Any], students: int, correlation: float
) -> list[Worse]:
    """Coverage, errors and biases that got worse, for all or for a group, beyond their uncertainty.

    The p-values are corrected for how many of these are looked at: of many, some move by chance.

    Parameters
    ----------
    before, after : metrics of the cross-validation of the same students
    students : how many
    correlation : of the students' squared errors before and after
    """
    old, new = _estimates(before, students), _estimates(after, students)
    changes = {
        key: change(old[key], new[key], correlation if key[1] == "mse" else 0.0)
        for key in new
        if key in old
    }
    corrected = holm([_p(each) for each in changes.values()])
    worse = {
        "mse": lambda then, now: now > then,
        "bias": lambda then, now: abs(now) > abs(then),
        "coverage": lambda then, now: now < then,
    }
    return [
        Worse(whom, MEASURES[what], old[whom, what], new[whom, what], each, p)
        for ((whom, what), each), p in zip(changes.items(), corrected, strict=True)
        if p < 1 - LEVEL and worse[what](old[whom, what].value, new[whom, what].value)
    ]


def _p(rise: Estimate) -> float:
    """The p-value of there being no change: how far its interval is from holding 0."""
    from scipy.special import ndtr, ndtri  # here, because few stages compare

    reach = rise.value - rise.low if rise.value > 0 else rise.high - rise.value
    if reach == 0:
        return 0.0 if rise.value else 1.0
    return float(2 * ndtr(-abs(rise.value) / reach * ndtri((1 + LEVEL) / 2)))


def _estimates(metrics: dict[str, Any], students: int) -> dict[tuple[str, str], Estimate]:
    """What is known with its uncertainty, of whom and what."""
    result = {}
    share = metrics.get("intervals", {}).get("coverage")
    if share is not None:
        result["all students", "coverage"] = Estimate(share, *wilson(share, students))
    for column, groups in metrics.get("groups", {}).items():
        for group, each in groups.items():
            for what in MEASURES:
                ends = [each.get(key) for key in (what, f"{what}_low", f"{what}_high")]
                if None not in ends:
                    result[f"{column} {group}", what] = Estimate(*ends)
    return result

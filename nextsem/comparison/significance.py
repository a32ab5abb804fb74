"""Significance tests and confidence intervals for comparisons of forecasters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc, ndtr, ndtri, stdtr, stdtrit

from nextsem.students.students import Integers, Numbers

LEVEL = 0.95  # of every interval here
POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """A mean difference, its confidence interval, and its p-value."""

    difference: float
    low: float
    high: float
    p: float


def paired_difference(first: Sequence[float], second: Sequence[float], folds: int) -> Difference:
    """Corrected paired t-test of two forecasters' errors [folds * repeats] on the same folds.

    It corrects for overlapping training sets, with which the plain t-test finds differences that
    are not there (Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52,
    2003; for repeated folds: Bouckaert and Frank, 2004). `folds` is their number per repeat.
    """
    differences = np.subtract(first, second)
    count = len(differences)
    error = float(np.sqrt((1 / count + 1 / (folds - 1)) * differences.var(ddof=1)))
    return _tested(float(differences.mean()), error, count - 1)


def clustered_difference(first: Numbers, second: Numbers, students: Integers) -> Difference:
    """Paired t-test of two forecasters' squared errors [forecasts], clustered by student.

    Errors of one student are correlated, so standard errors are cluster-robust (Liang and Zeger,
    Biometrika 73, 1986; Cameron and Miller, Journal of Human Resources 50, 2015). `students`
    [forecasts] says whose each forecast is.
    """
    differences = np.subtract(first, second)
    mean = float(differences.mean())
    sums = pd.Series(differences - mean).groupby(students).sum()
    count = len(sums)
    error = float(np.sqrt(count / (count - 1) * (sums**2).sum()) / len(differences))
    return _tested(mean, error, count - 1)


def _tested(mean: float, error: float, freedom: int) -> Difference:
    """Student's t-test and interval of a mean with this standard error."""
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    ratio = abs(mean) / error if error > 0 else float("inf") if mean else 0.0
    return Difference(mean, mean - reach, mean + reach, float(2 * stdtr(freedom, -ratio)))


def detectable(difference: Difference, count: int) -> float:
    """The true difference that the test finds with a power of 80 % on `count` folds."""
    line = stdtrit(count - 1, (1 + LEVEL) / 2)
    error = (difference.high - difference.low) / 2 / line
    return float(nctdtrinc(count - 1, 1 - POWER, line) * error)


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the same order.

    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    steps = np.sort(p) * np.arange(len(p), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def mean_interval(values: Numbers) -> tuple[float, float, float]:
    """A mean and the ends of its t interval."""
    mean, count = float(values.mean()), len(values)
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / np.sqrt(count))
    return mean, mean - reach, mean + reach


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Ends of a share's Wilson interval (JASA 22, 1927); it may be a mean over repeats."""
    z = ndtri((1 + LEVEL) / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return float(middle - reach), float(middle + reach)


class Estimate(NamedTuple):
    """An estimate and the ends of its interval."""

    value: float
    low: float
    high: float


def change(before: Estimate, after: Estimate, correlation: float = 0.0) -> Estimate:
    """The rise from one estimate to another, with an interval derived from their intervals.

    Zou, "Toward using confidence intervals to compare correlations", Psychological Methods 12,
    2007; the method is general. A `correlation` of 0 gives too wide an interval if both estimates
    are of the same students.
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
    """What got worse, for which students, and the corrected p-value."""

    whom: str
    what: str
    before: Estimate
    after: Estimate
    change: Estimate
    p: float


MEASURES = {
    "mse": "mean squared error",
    "bias": "bias",
    "coverage": "coverage of the ranges",
    "fnr": "false-negative rate",
    "precision": "precision of the list",
}


def got_worse(
    before: dict[str, Any], after: dict[str, Any], students: int, correlation: float = 0.0
) -> list[Worse]:
    """Which `MEASURES` got significantly worse, for all students or for a group.

    Parameters
    ----------
    before, after : `metrics/crossvalidation.json` of two runs over the same students
    students : their number
    correlation : of their squared errors before and after, 0 if unknown
    """
    old, new = _estimates(before, students), _estimates(after, students)
    changes = {
        key: change(old[key], new[key], correlation if key[1] == "mse" else 0.0)
        for key in new
        if key in old
    }
    corrected = holm([p_of(each) for each in changes.values()])  # some of many change by chance
    worse: dict[str, Callable[[float, float], bool]] = {
        "mse": lambda then, now: now > then,
        "bias": lambda then, now: abs(now) > abs(then),
        "coverage": lambda then, now: now < then,
    }
    worse |= {"fnr": worse["mse"], "precision": worse["coverage"]}
    return [
        Worse(whom, MEASURES[what], old[whom, what], new[whom, what], each, p)
        for ((whom, what), each), p in zip(changes.items(), corrected, strict=True)
        if p < 1 - LEVEL and worse[what](old[whom, what].value, new[whom, what].value)
    ]


def p_of(rise: Estimate) -> float:
    """The p-value of a rise, from the position of 0 relative to its interval."""
    reach = rise.value - rise.low if rise.value > 0 else rise.high - rise.value
    if reach == 0:
        return 0.0 if rise.value else 1.0
    return float(2 * ndtr(-abs(rise.value) / reach * ndtri((1 + LEVEL) / 2)))


def _estimates(metrics: dict[str, Any], students: int) -> dict[tuple[str, str], Estimate]:
    """Estimates that have intervals, by students and measure."""
    result = {}
    share = metrics.get("intervals", {}).get("coverage")
    if share is not None:
        result["all students", "coverage"] = Estimate(share, *share_interval(share, students))
    forward = metrics.get("forward", {})
    mse = {"mse": forward.get("network"), "mse_low": forward.get("low")}
    mse |= {"mse_high": forward.get("high")}
    found = [
        ("all students", metrics.get("list", {}).get("network", {})),
        ("forward in time", mse | forward.get("list", {}).get("network", {})),
    ]
    for columns in (metrics.get("groups", {}), metrics.get("fairness", {}).get("columns", {})):
        for name, groups in columns.items():
            found += [(f"{name} {group}", each) for group, each in groups.items()]
    for whom, each in found:
        for what in MEASURES:
            ends = [each.get(key) for key in (what, f"{what}_low", f"{what}_high")]
            if None not in ends:
                result[whom, what] = Estimate(*ends)
    return result

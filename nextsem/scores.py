"""Errors of forecasts, how sure they are, and which of two forecasters is better."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextsem.students import Numbers, Rows, Texts, largest

SHOWN = 10  # categories of a column: the largest


def mse(actual: Numbers, forecast: Numbers) -> float:
    """Mean squared error, squared grade points."""
    return float(np.mean((actual - forecast) ** 2))


def scores(actual: Numbers, forecast: Numbers) -> dict[str, float]:
    """`mse`, its root `rmse`, mean absolute error `mae` (grade points), `r2`, and the count `n`."""
    error = mse(actual, forecast)
    spread = float(np.mean((actual - actual.mean()) ** 2))
    return {
        "mse": error,
        "rmse": error**0.5,
        "mae": float(np.mean(np.abs(actual - forecast))),
        "r2": 1 - error / spread if spread > 0 else float("nan"),
        "n": len(actual),
    }


def coverage(actual: Numbers, ranges: Numbers, categories: Texts | None = None) -> dict[str, Any]:
    """How good ranges are.

    Parameters
    ----------
    actual, ranges : [forecasts] and [forecasts, 2], grade points
    categories : [forecasts], optional

    Returns
    -------
    `coverage`, the share of actual grades within their ranges, and the mean `width` of these, grade
    points; with categories, `by` holds both and the count `n` for each of the largest. NaN where no
    range was given.
    """
    result: dict[str, Any] = {
        "coverage": float(within(actual, ranges).mean()),
        "width": float((ranges[:, 1] - ranges[:, 0]).mean()),
    }
    if categories is not None:
        result["by"] = {
            category: coverage(actual[categories == category], ranges[categories == category])
            | {"n": int((categories == category).sum())}
            for category in largest(categories, SHOWN)
        }
    return result


def within(actual: Numbers, ranges: Numbers) -> Numbers:
    """1 for a grade within its range, 0 for others, [forecasts]; NaN without a range."""
    held = (actual >= ranges[:, 0]) & (actual <= ranges[:, 1])
    return np.where(np.isnan(ranges).any(axis=1), np.nan, held)


def worse(grades: Numbers, line: float, lower_is_better: bool) -> Numbers:
    """1 for a grade worse than the line, 0 for others, [students]; NaN without a line."""
    if np.isnan(line):
        return np.full(len(grades), np.nan)
    return (grades > line if lower_is_better else grades < line).astype(float)


def brier(happened: Numbers, risk: Numbers) -> float:
    """Mean squared error of a probability [students] (Brier, Monthly Weather Review 78, 1950)."""
    return float(np.mean((happened - risk) ** 2))


RISKS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)  # finer where most students are


def reliability(happened: Numbers, risk: Numbers) -> dict[str, Numbers]:
    """How often it happened, [bins], for probabilities within each part of 0 to 1 that has any.

    `risk` is the mean probability, `happened` the share, `students` how many.
    """
    places = np.clip(np.searchsorted(RISKS, risk, side="right") - 1, 0, len(RISKS) - 2)
    places = places[np.isfinite(risk)]
    happened, risk = happened[np.isfinite(risk)], risk[np.isfinite(risk)]
    counts = np.bincount(places, minlength=len(RISKS) - 1)
    some = counts > 0
    return {
        "risk": np.bincount(places, risk, len(RISKS) - 1)[some] / counts[some],
        "happened": np.bincount(places, happened, len(RISKS) - 1)[some] / counts[some],
        "students": counts[some].astype(float),
    }


def correlation_ratio(categories: NDArray[np.str_], values: Numbers) -> float:
    """Eta: how much of the spread of values lies between categories, from 0 (none) to 1 (all).

    The square root of the sum of squares between over that in total (Fisher, "Statistical Methods
    for Research Workers", 1925, section 45), over rows with both; NaN where undefined.
    """
    both = (categories != "") & np.isfinite(values)
    places, values = np.unique(categories[both], return_inverse=True)[1], values[both]
    total = np.sum((values - values.mean()) ** 2) if len(values) else 0.0
    if not total > 0:
        return float("nan")
    sizes = np.bincount(places)
    means = np.bincount(places, values) / sizes
    return float(np.sqrt(np.sum(sizes * (means - values.mean()) ** 2) / total))


def wilson(share: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """The ends of the interval of a share of so many students.

    Wilson, Journal of the American Statistical Association 22, 1927.
    """
    from scipy.special import ndtri  # here, because few stages need it

    z = ndtri((1 + level) / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    reach /= 1 + z**2 / count
    return float(middle - reach), float(middle + reach)


def by_group(
    groups: Texts, squared: Numbers, error: Numbers, within: Numbers, level: float = 0.95
) -> dict[str, dict[str, float]]:
    """How good forecasts are for each of the largest groups of students.

    Parameters
    ----------
    groups, squared, error, within : [students], the group, squared error, error (forecast less
        actual, grade points), and whether the range held the grade (or how often it did)
    level : of the intervals

    Returns
    -------
    For each group the number of students `n`, and `mse`, `bias` and `coverage`, each with the ends
    of an interval (`mse_low`, ...): Student's for the means, Wilson's for the share. For a group of
    fewer than `LEAST` students only `n`.
    """
    from scipy.special import stdtrit  # here, because few stages need it

    result: dict[str, dict[str, float]] = {}
    for group in largest(groups, SHOWN):
        rows = groups == group
        count = int(rows.sum())
        result[group] = {"n": count}
        if count < LEAST:
            continue
        for name, values in (("mse", squared[rows]), ("bias", error[rows])):
            mean = values.mean()
            reach = stdtrit(count - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(count)
            low = max(mean - reach, 0.0) if name == "mse" else mean - reach
            result[group] |= {name: mean, f"{name}_low": low, f"{name}_high": mean + reach}
        share = float(within[rows].mean())
        low, high = wilson(share, count, level)
        result[group] |= {"coverage": share, "coverage_low": low, "coverage_high": high}
    return result


LEAST = 5  # students: of fewer, figures say nothing of the group and too much of each


def repeated_folds(students: int, folds: int, repeats: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Training and test rows of each fold of each repeat: those of scikit-learn's RepeatedKFold."""
    draw = np.random.RandomState(seed)
    result = []
    for _ in range(repeats):
        order = np.arange(students)
        draw.shuffle(order)
        for part in np.array_split(order, folds):
            test = np.sort(part)
            result.append((np.setdiff1d(np.arange(students), test), test))
    return result


@dataclass(frozen=True)
class Difference:
    """A mean difference over folds, its interval, and the p-value of there being none."""

    difference: float
    low: float
    high: float
    p: float


def paired_difference(
    first: Numbers, second: Numbers, folds: int, level: float = 0.95
) -> Difference:
    """Compare two forecasters' errors on the same folds of repeated cross-validation.

    The training sets of the folds overlap, so the plain t-test finds differences that are not there;
    this one corrects for it (Nadeau and Bengio, "Inference for the generalization error", Machine
    Learning 52, 2003; for repeated folds: Bouckaert and Frank, 2004).

    Parameters
    ----------
    first, second : [folds * repeats], errors of each fold
    folds : in each repeat
    level : of the interval
    """
    from scipy.special import stdtr, stdtrit  # here, because few stages compare

    differences = first - second
    count = len(differences)
    mean = float(differences.mean())
    error = float(np.sqrt((1 / count + 1 / (folds - 1)) * differences.var(ddof=1)))
    reach = float(stdtrit(count - 1, (1 + level) / 2)) * error
    ratio = abs(mean) / error if error > 0 else float("inf") if mean else 0.0
    return Difference(mean, mean - reach, mean + reach, float(2 * stdtr(count - 1, -ratio)))

"""Errors of forecasts, how sure they are, and which of two forecasters is better."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextsem.students import Numbers, Rows


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

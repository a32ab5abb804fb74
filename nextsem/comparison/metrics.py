"""Metrics of forecasts, prediction intervals and risks, for all students and for groups of them."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from nextsem.comparison.significance import mean_interval, share_interval
from nextsem.students.students import Numbers, Texts

LEAST = 5  # students: statistics of fewer could reveal individual ones
SHOWN = 10  # groups of a column, the largest
_RISKS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # bin edges, finer where most students are


def errors(actual: Numbers, forecast: Numbers) -> dict[str, float]:
    """`mse` (squared grade points), `rmse` and `mae` (grade points), and `r2`.

    R2 is NaN if all actual grades are equal.
    """
    mse = mean_squared_error(actual, forecast)
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "mae": mean_absolute_error(actual, forecast),
        "r2": r2_score(actual, forecast) if np.ptp(actual) > 0 else float("nan"),
    }


def within(actual: Numbers, ranges: Numbers) -> Numbers:
    """1 if a grade [forecasts] is within its range [forecasts, 2], else 0; NaN without a range."""
    held = (actual >= ranges[:, 0]) & (actual <= ranges[:, 1])
    return np.where(np.isnan(ranges).any(axis=1), np.nan, held)


def line_of_risk(at_risk_below: float, grade_range: tuple[float, float]) -> float:
    """The risk threshold, or NaN if no grade can be beyond it."""
    low, high = grade_range
    return at_risk_below if low < at_risk_below < high else float("nan")


def worse(grades: Numbers, line: float, lower_is_better: bool) -> Numbers:
    """1 if the grade is worse than the threshold, else 0; NaN without a grade or threshold."""
    beyond = grades > line if lower_is_better else grades < line
    return np.where(np.isnan(grades) | np.isnan(line), np.nan, beyond)


def brier(happened: Numbers, risk: Numbers) -> float:
    """Mean squared error of a probability [forecasts] (Brier, Monthly Weather Review 78, 1950)."""
    return float(np.mean((happened - risk) ** 2))


def reliability(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Observed frequency by predicted risk, in bins of the risk.

    From the highest down, a bin with fewer than `LEAST` students or forecasts per repeat is merged
    with the next lower one.

    Parameters
    ----------
    forecasts : columns repeat, student, risk (may be NaN) and happened

    Returns
    -------
    For each bin the mean `risk`, the share that `happened`, and the `forecasts` per repeat.
    """
    repeats, table = forecasts["repeat"].nunique(), forecasts.dropna(subset=["risk", "happened"])
    ends = [np.inf]
    for end in reversed(_RISKS):
        own = table["student"][table["risk"].between(end, ends[0], inclusive="left")]
        if len(own) >= LEAST * repeats and own.nunique() >= LEAST:
            ends.insert(0, end)
    if len(ends) == 1:  # too few students for any bin
        table = table[:0]
    bins = table.groupby(np.digitize(table["risk"], ends[1:]))
    result = bins[["risk", "happened"]].mean().assign(forecasts=bins.size() / repeats)
    return result.reset_index(drop=True)


def correlation_ratio(categories: Texts, values: Numbers) -> float:
    """Eta, the correlation ratio: how far categories explain values, from 0 (not) to 1 (fully).

    The square root of the between-group over the total sum of squares (Fisher, "Statistical Methods
    for Research Workers", 1925, section 45), over rows with both; NaN if undefined.
    """
    known = pd.Series(values)[(categories != "") & np.isfinite(values)]
    means = known.groupby(categories[known.index]).transform("mean")
    total = known.var(ddof=0)
    return float(np.sqrt(means.var(ddof=0) / total)) if total > 0 else float("nan")


def largest(groups: Texts) -> list[str]:
    """The groups with most students, in alphabetical order."""
    found, sizes = np.unique(groups[groups != ""], return_counts=True)
    return sorted(found[np.argsort(-sizes, kind="stable")[:SHOWN]].tolist())


def by_group(
    groups: Texts, squared: Numbers, error: Numbers, held: Numbers
) -> dict[str, dict[str, Any]]:
    """How good forecasts are for each of the largest groups of students.

    Parameters
    ----------
    groups : [students]
    squared, error : [students], mean squared error and mean error (forecast - actual, grade points)
    held : [students], the share of grades within their ranges

    Returns
    -------
    For each group the number of students `n`, and `mse`, `bias` and `coverage`, each with the ends
    of its 95 % interval (`mse_low`, ...). For fewer than `LEAST` students, `n` says just that.
    """
    result: dict[str, dict[str, Any]] = {}
    for group in largest(groups):
        rows = groups == group
        count = int(rows.sum())
        if count < LEAST:
            result[group] = {"n": f"fewer than {LEAST}"}
            continue
        mse, mse_low, mse_high = mean_interval(squared[rows])
        bias, bias_low, bias_high = mean_interval(error[rows])
        share = float(held[rows].mean())
        low, high = share_interval(share, count)
        result[group] = {
            "n": count,
            **{"mse": mse, "mse_low": max(mse_low, 0.0), "mse_high": mse_high},
            **{"bias": bias, "bias_low": bias_low, "bias_high": bias_high},
            **{"coverage": share, "coverage_low": low, "coverage_high": high},
        }
    return result

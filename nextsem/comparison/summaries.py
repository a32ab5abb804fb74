"""Summaries of the cross-validation: from out-of-fold forecasts to the content of `metrics/`.

The forecasts are the table that the stage `crossvalidate` writes, one row each: the split (kind,
label, part, repeat, fold), student, term, number of known grades, whether it is a headline row, the
actual grade, and the forecast of each forecaster, the network first.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from nextsem.advice import intervals
from nextsem.comparison import lists
from nextsem.comparison.fairness import at_the_line
from nextsem.comparison.metrics import LEAST, brier, by_group, errors, within, worse
from nextsem.comparison.significance import (
    clustered_difference,
    paired_difference,
    share_interval,
)
from nextsem.forecaster.calibration import Calibration, calibration_categories
from nextsem.students.students import Integers, Numbers, Schema, Students

FOLD = ["repeat", "fold"]
_MEANS = ["squared", "error", "held"]
_QUARTER = 0.25  # of the students
_MOST = 50  # values of a column that are shown, those with most students


def forecasters(forecasts: pd.DataFrame) -> list[str]:
    """Column names of the forecasters: the network and every baseline."""
    return [str(name) for name in forecasts.loc[:, "network":"linear_sd"]][:-1]


def ranges_and_risk(
    calibration: Calibration | None,
    forecasts: pd.DataFrame,
    coverage: float,
    line: float,
    schema: Schema,
) -> tuple[Numbers, Numbers]:
    """Prediction intervals [forecasts, 2] and risks [forecasts] of the network's forecasts.

    `forecasts` has columns network, spread and known. Without a calibration both are NaN.
    """
    if calibration is None:
        return np.full((len(forecasts), 2), np.nan), np.full(len(forecasts), np.nan)
    network, spread, known = (forecasts[name].to_numpy() for name in ("network", "spread", "known"))
    return (
        intervals.ranges(calibration, network, spread, known, coverage, schema.grade_range),
        intervals.risk(calibration, network, spread, known, line, schema.lower_is_better),
    )


def assessed(
    forecasts: pd.DataFrame,
    calibrations: Sequence[Calibration | None],
    students: Students,
    coverage: float,
    line: float,
) -> pd.DataFrame:
    """The forecasts with the network's prediction intervals and risks, and their outcomes.

    Parameters
    ----------
    calibrations : one for each part
    coverage : of the intervals
    line : the risk threshold, grade points

    Returns
    -------
    The table with the columns `error` (forecast - actual, grade points), `squared`, `low`, `high`
    and `held` (whether the grade is within the interval), `category` (for the calibration),
    `happened` (whether the grade was worse than the threshold) and its probability by the network
    (`risk`), by linear regression with normal errors (`risk_linear`), and by the base rate of the
    other students in that term (`risk_base`). Also the risks (`risk_half_1`, ...) of the columns of
    `lists.OTHERS` that are there.
    """
    schema = students.schema
    others = [name for name in lists.OTHERS if name in forecasts]
    risks = pd.DataFrame(np.nan, index=forecasts.index, columns=[f"risk_{name}" for name in others])
    ranges, risk, base = np.full((len(forecasts), 2), np.nan), *np.full((2, len(forecasts)), np.nan)
    happened = worse(students.grades, line, schema.lower_is_better)
    for part, calibration in enumerate(calibrations):
        rows = np.flatnonzero(forecasts["part"] == part)
        own = forecasts.iloc[rows]
        ranges[rows], risk[rows] = ranges_and_risk(calibration, own, coverage, line, schema)
        for place, name in enumerate(others):
            other = own.assign(network=own[name])
            risks.iloc[rows, place] = ranges_and_risk(calibration, other, coverage, line, schema)[1]
        base[rows] = _shares_of_others(happened, own["student"].to_numpy())[own["term"]]
    by = next((each.by for each in calibrations if each), None)
    below = ndtr((line - forecasts["linear"]) / forecasts["linear_sd"])
    actual, network = forecasts["actual"].to_numpy(), forecasts["network"].to_numpy()
    return forecasts.assign(
        error=network - actual,
        squared=(network - actual) ** 2,
        low=ranges[:, 0],
        high=ranges[:, 1],
        held=within(actual, ranges),
        category=calibration_categories(students, by)[forecasts["student"], forecasts["term"]],
        happened=worse(actual, line, schema.lower_is_better),
        risk=risk,
        risk_linear=1 - below if schema.lower_is_better else below,
        risk_base=base,
        **risks,
    )


def _shares_of_others(happened: Numbers, left_out: Integers) -> Numbers:
    """The base rate in each term, [terms], without the students with indices `left_out`.

    `happened` is [students, terms], NaN where there is no grade. In a term that no other student
    has reached, it is the base rate over all terms.
    """
    others = np.delete(happened, np.unique(left_out), axis=0)
    counts, sums = np.isfinite(others).sum(axis=0), np.nansum(others, axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, sums.sum() / counts.sum())


def summary(
    forecasts: pd.DataFrame,
    candidates: pd.DataFrame,
    students: Students,
    others: pd.DataFrame,
    capacity: int,
) -> dict[str, Any]:
    """The content of `metrics/crossvalidation.json`.

    Parameters
    ----------
    forecasts : from `assessed`
    candidates : from `lists.candidates`, with lists of this `capacity`
    others : group columns that the forecasters do not know, in the order of the students
    """
    names = forecasters(forecasts)
    folds = forecasts[forecasts["kind"] == "fold"]
    headline = folds[folds["headline"]]
    # With train.every_semester: false, the network forecasts only the last term.
    learnt = folds.dropna(subset="network")
    unseen = forecasts[(forecasts["kind"] == "unseen") & forecasts["headline"]]
    by_fold = _squared_errors(headline, names, FOLD).mean().to_dict("list")
    count = int(headline["fold"].nunique())
    members = _squared_errors(headline, [*headline.filter(like="member_")], FOLD).mean().mean()
    each = of_students(headline)
    columns = {name: students.category(name) for name in students.schema.categories}
    columns |= {str(name): others[name].to_numpy(dtype=str) for name in others}
    lower_is_better, at_origins = students.schema.lower_is_better, candidates["kind"] == "origin"
    shortlists = [
        lists.quality(own, capacity, lower_is_better)
        for own in (candidates[~at_origins], candidates[at_origins])
    ]
    forward = _forward(forecasts[forecasts["kind"] == "origin"], headline, lower_is_better)
    fair = candidates[at_origins] if at_origins.any() else candidates[~at_origins]
    return {
        "forecasters": {name: _scores(headline, name) for name in names},
        "against": {
            name: asdict(paired_difference(by_fold["network"], by_fold[name], count))
            for name in names[1:]
        },
        "by_semester": {
            students.schema.terms[term]: figures
            for term, figures in _by(learnt, "term", _mse_of("network", "last", "linear")).items()
        },
        "intervals": {
            **_coverage(headline),
            "weakest": _weakest(headline, "repeat", lower_is_better),
            "by": _by(headline, "category", _coverage),
            "by_known": _by(folds, "known", _coverage),
        },
        "risk": {**_risk(headline), "by_known": _by(folds, "known", _risk)},
        "unseen": _by(
            unseen, "label", lambda own: _mse_of("network", "linear")(own) | _coverage(own)
        ),
        "groups": {
            name: by_group(column[each.index], *each[_MEANS].to_numpy().T)
            for name, column in columns.items()
        },
        "members": {
            **members.agg(["mean", "std", "min", "max"]).rename({"std": "sd"}).to_dict(),
            "sd_together": sd_over_seeds(headline),
        },
        "list": shortlists[0],
        "fairness": at_the_line(fair, columns) if shortlists[0] else {},
        "forward": forward | ({"list": shortlists[1]} if forward else {}),
    }


def _forward(rows: pd.DataFrame, headline: pd.DataFrame, lower_is_better: bool) -> dict[str, Any]:
    """Errors and coverage of the `n` forecasts of points in time; {} if there are none.

    `low` and `high` are the ends of the interval of the network's error; `out_of_fold` is its error
    on the same grades in the folds, whose training includes later grades of other students.
    """
    rows = rows[rows.groupby("label")["student"].transform("nunique") >= LEAST]
    if rows.empty:
        return {}
    names = forecasters(rows)
    squared = rows[names].sub(rows["actual"], axis=0) ** 2
    network, clusters = squared["network"].to_numpy(), rows["student"].to_numpy()
    mean = clustered_difference(network, 0.0 * network, clusters)
    same = rows[["student", "term"]].merge(headline, on=["student", "term"])
    figures = _mse_of("network", "linear", "boosted_trees")
    return {
        **{name: squared[name].mean() for name in names},
        **{"low": max(mean.low, 0.0), "high": mean.high},
        "n": len(rows),
        "coverage": rows["held"].mean(),
        "weakest": _weakest(rows, "label", lower_is_better),
        "out_of_fold": same["squared"].mean(),
        "against": {
            name: asdict(clustered_difference(network, squared[name].to_numpy(), clusters))
            for name in names[1:]
        },
        "origins": {
            label: figures(own) | {"n": len(own), "coverage": own["held"].mean()}
            for label, own in rows.groupby("label", sort=False)
        },
    }


def fold_sums(forecasts: pd.DataFrame, terms: Sequence[str]) -> pd.DataFrame:
    """Sums of squared errors by repeat, fold and term, then by origin, of `LEAST` students or more.

    They allow tests against another run without revealing individual errors. `origin` is "" for a
    fold; for a point in time `repeat` and `fold` are 0, and `term` is "".
    """
    rows = forecasts[forecasts["kind"].isin(["fold", "origin"]) & forecasts["headline"]]
    origin = rows["label"].where(rows["kind"] == "origin", "")
    rows = rows.assign(origin=origin, term=rows["term"].where(origin == "", len(terms)))
    groups = _squared_errors(rows, forecasters(rows), ["part", *FOLD, "origin", "term"])
    sums = groups.sum()
    sums.insert(0, "students", groups.size())
    sums = sums[sums["students"] >= LEAST].reset_index().drop(columns="part")
    return sums.assign(term=np.array([*terms, ""])[sums["term"]])


def of_students(headline: pd.DataFrame) -> pd.DataFrame:
    """Means over all forecasts of each student, columns `squared`, `error` and `held`."""
    return headline.groupby("student")[_MEANS].mean()


def _squared_errors(headline: pd.DataFrame, names: list[str], by: list[str]) -> Any:
    squared = headline[names].sub(headline["actual"], axis=0) ** 2
    return squared.groupby([headline[key] for key in by])


def sd_over_seeds(headline: pd.DataFrame) -> float:
    """Standard deviation over seeds of the ensemble's cross-validated error.

    From the errors of the two halves of the networks, which differ in seeds and validation sets:
    the variance of a half is half of their mean squared difference, and that of the ensemble half
    of this. NaN with a single network.
    """
    if "half_1" not in headline:
        return float("nan")
    halves = _squared_errors(headline, ["half_1", "half_2"], FOLD).mean()
    apart = halves["half_1"] - halves["half_2"]
    return float(np.sqrt((apart**2).mean() / len(apart)) / 2)


def _by(
    forecasts: pd.DataFrame, key: str, figures: Callable[[pd.DataFrame], dict[str, float]]
) -> dict[Any, dict[str, float]]:
    """Statistics for each value of a column with `LEAST` students or more, and their number `n`."""
    counts = forecasts[forecasts[key] != ""].groupby(key)["student"].nunique()
    shown = counts[counts >= LEAST].nlargest(_MOST).sort_index()
    groups = forecasts.groupby(key)
    return {value: figures(groups.get_group(value)) | {"n": n} for value, n in shown.items()}


def _scores(headline: pd.DataFrame, name: str) -> dict[str, float]:
    """`mse`, `mae` and `r2`, means over the repeats.

    Errors are means over folds, as in scikit-learn's cross_val_score; R2 is that of all forecasts
    of a repeat.
    """
    folds = pd.DataFrame([_errors(rows, name) for _, rows in headline.groupby(FOLD)])
    repeats = pd.DataFrame([_errors(rows, name) for _, rows in headline.groupby("repeat")])
    return {"mse": folds["mse"].mean(), "mae": folds["mae"].mean(), "r2": repeats["r2"].mean()}


def _errors(rows: pd.DataFrame, name: str) -> dict[str, float]:
    return errors(rows["actual"].to_numpy(), rows[name].to_numpy())


def _mse_of(*names: str) -> Callable[[pd.DataFrame], dict[str, float]]:
    return lambda rows: {name: _errors(rows, name)["mse"] for name in names}


def _coverage(rows: pd.DataFrame) -> dict[str, float]:
    """The share of grades within their ranges, and the mean width of these, grade points."""
    return {"coverage": rows["held"].mean(), "width": (rows["high"] - rows["low"]).mean()}


def _weakest(rows: pd.DataFrame, by: str, lower_is_better: bool) -> dict[str, Any]:
    """Coverage and width of the ranges for the quarter with the worst forecasts.

    The quarter is taken in each repeat or origin; `forecasts` says whether its forecasts are the
    lowest or (if lower is better) the highest. `coverage_low` and `coverage_high` are the ends of
    the 95 % interval, `n` is the number of students; {} for fewer than `LEAST` or without ranges.
    """
    ranks = rows.groupby(by)["network"].rank(pct=True, ascending=not lower_is_better)
    own = rows[ranks <= _QUARTER]
    count = own["student"].nunique()
    found = _coverage(own)
    if count < LEAST or np.isnan(found["coverage"]):
        return {}
    low, high = share_interval(found["coverage"], count)
    return {
        **found,
        "coverage_low": low,
        "coverage_high": high,
        "n": count,
        "forecasts": "highest" if lower_is_better else "lowest",
    }


def _risk(rows: pd.DataFrame) -> dict[str, float]:
    """Brier scores of the risk and of its baselines, and the base rate (`share`)."""
    happened = rows["happened"].to_numpy()
    columns = {"brier": "risk", "brier_linear": "risk_linear", "brier_base": "risk_base"}
    scored = {name: brier(happened, rows[column].to_numpy()) for name, column in columns.items()}
    return scored | {"share": float(happened.mean())}

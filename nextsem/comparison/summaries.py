"""Summaries of the cross-validation: from out-of-fold forecasts to what `metrics/` holds of them.

The forecasts are a table as the stage `crossvalidate` writes it, one row for each: where it is from
(kind, label, part, repeat, fold), of which student and term, how many grades were known, whether it
belongs to the headline, the actual grade, and the forecast of each forecaster, the network first.
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
from nextsem.forecaster.calibration import Calibration
from nextsem.students.students import Integers, Numbers, Schema, Students, Texts

FOLD = ["repeat", "fold"]
_MEANS = ["squared", "error", "held"]
_QUARTER = 0.25  # of the students
_MOST = 50  # values of a column that are shown: those of most students


def forecasters(forecasts: pd.DataFrame) -> list[str]:
    """Names of the forecasters: the network and every baseline."""
    return [str(name) for name in forecasts.loc[:, "network":"linear_sd"]][:-1]


def ranges_and_risk(
    calibration: Calibration | None,
    forecasts: pd.DataFrame,
    coverage: float,
    line: float,
    schema: Schema,
) -> tuple[Numbers, Numbers]:
    """Prediction intervals [forecasts, 2] and risks of the network's forecasts [forecasts].

    `forecasts` has columns network, spread and known. Without a calibration all is NaN.
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
    """The forecasts with the network's prediction intervals and risks, and how these came out.

    Parameters
    ----------
    calibrations : of each part
    coverage : of the intervals
    line : grade points; the risk is of a grade worse than this

    Returns
    -------
    The table with the columns `error` (forecast less actual, grade points), `squared`, `low`, `high`
    and `held` (whether the interval did), `category` (of the calibration), `happened` (whether the
    grade was worse than the line) and its probability by the network (`risk`), by linear regression
    with normal errors (`risk_linear`), and by the share of all others in that term (`risk_base`).
    Also the risks (`risk_half_1`, ...) of the columns that are there of `lists.OTHERS`.
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
    below = ndtr((line - forecasts["linear"]) / forecasts["linear_sd"])
    actual, network = forecasts["actual"].to_numpy(), forecasts["network"].to_numpy()
    return forecasts.assign(
        error=network - actual,
        squared=(network - actual) ** 2,
        low=ranges[:, 0],
        high=ranges[:, 1],
        held=within(actual, ranges),
        category=_categories(forecasts, students, next((c.by for c in calibrations if c), None)),
        happened=worse(actual, line, schema.lower_is_better),
        risk=risk,
        risk_linear=1 - below if schema.lower_is_better else below,
        risk_base=base,
        **risks,
    )


def _shares_of_others(happened: Numbers, left_out: Integers) -> Numbers:
    """To which share of all students but those [rows] it happened in each term, [terms].

    `happened` is [students, terms], NaN where there is no grade. Where no other student has reached
    a term, it is the share in all terms.
    """
    others = np.delete(happened, np.unique(left_out), axis=0)
    counts, sums = np.isfinite(others).sum(axis=0), np.nansum(others, axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(counts > 0, sums / counts, sums.sum() / counts.sum())


def _categories(forecasts: pd.DataFrame, students: Students, column: str | None) -> Texts:
    """The category of each student as it was known before the term, [forecasts]; "" for none."""
    if column is None:
        return np.full(len(forecasts), "")
    place = students.schema.categories.index(column)
    terms = forecasts["term"].to_numpy() - (column not in students.schema.ahead)
    codes = students.codes[forecasts["student"], np.maximum(terms, 0), place]
    return np.array([*students.vocabulary[place], ""])[codes]


def summary(
    forecasts: pd.DataFrame,
    candidates: pd.DataFrame,
    students: Students,
    others: pd.DataFrame,
    capacity: int,
) -> dict[str, Any]:
    """All that `metrics/crossvalidation.json` holds.

    Parameters
    ----------
    forecasts : what `assessed` gives
    candidates : what `lists.candidates` gives of them, with lists of this `capacity`
    others : columns of groups that the forecasters do not know, in the order of the students
    """
    names = forecasters(forecasts)
    folds = forecasts[forecasts["kind"] == "fold"]
    headline = folds[folds["headline"]]
    learnt = folds.dropna(subset="network")  # train.every_semester: false learns the last alone
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
        "members": members.agg(["mean", "std", "min", "max"]).rename({"std": "sd"}).to_dict(),
        "list": shortlists[0],
        "fairness": at_the_line(fair, columns) if shortlists[0] else {},
        "forward": forward | ({"list": shortlists[1]} if forward else {}),
    }


def _forward(rows: pd.DataFrame, headline: pd.DataFrame, lower_is_better: bool) -> dict[str, Any]:
    """How good the forecasts of points in time are, `n` in all; {} if there are none.

    `low` and `high` are the ends of the interval of the network's error; `out_of_fold` is its error on
    the same grades in the folds, where later grades of other students teach, too.
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

    With these another run can be tested against this one, and nobody's own error is told. `origin`
    is "" for a fold; for a point in time `repeat` and `fold` are 0, and `term` is "".
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


def _by(
    forecasts: pd.DataFrame, key: str, figures: Callable[[pd.DataFrame], dict[str, float]]
) -> dict[Any, dict[str, float]]:
    """Figures for each value of a column that `LEAST` students or more have, and how many have it."""
    counts = forecasts[forecasts[key] != ""].groupby(key)["student"].nunique()
    shown = counts[counts >= LEAST].nlargest(_MOST).sort_index()
    groups = forecasts.groupby(key)
    return {value: figures(groups.get_group(value)) | {"n": n} for value, n in shown.items()}


def _scores(headline: pd.DataFrame, name: str) -> dict[str, float]:
    """`mse`, `mae` and `r2`, means over the repeats.

    The errors are means over the folds of each repeat, as scikit-learn's cross_val_score gives them;
    R2 is of all forecasts of a repeat.
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
    """How well the ranges hold for the quarter of students in each repeat or origin who need it most.

    These are the ones with the lowest forecasts, or the highest if lower is better: `forecasts`.
    `coverage_low` and `coverage_high` are the ends of its 95 % interval, of `n` students; {} if they
    are fewer than `LEAST`, or have no ranges.
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
    """Brier scores of the risk and of simpler ones, and the share to whom it happened."""
    happened = rows["happened"].to_numpy()
    columns = {"brier": "risk", "brier_linear": "risk_linear", "brier_base": "risk_base"}
    scored = {name: brier(happened, rows[column].to_numpy()) for name, column in columns.items()}
    return scored | {"share": float(happened.mean())}

"""The list of students at the highest risk: how many of them it was right about, and how stable it is.

An adviser has time for so many students. A list is made of all students of one repeat of the folds
(each with the last grade to be forecast), or of one point in time. Intervals are those of a bootstrap
over students (Efron, Annals of Statistics 7, 1979): the forecasts stay, the students are drawn anew.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from nextsem.comparison.metrics import LEAST
from nextsem.students.students import Integers, Numbers

RIVALS = ("last", "linear")  # whose lists are shown beside the network's
# Forecasts by one half of the networks, by the other half, and by those of the point in time before.
OTHERS = ("half_1", "half_2", "earlier")
# Students near the top, and how many places on the list each takes in each draw.
_List = tuple[Integers, Integers]
_DRAWS = 1000
_SEED = 0


def candidates(forecasts: pd.DataFrame, capacity: int, lower_is_better: bool) -> pd.DataFrame:
    """The students of whom each list is made, each once: those with the last forecast in question.

    Parameters
    ----------
    forecasts : what `summaries.assessed` gives
    capacity : how many students are on a list

    Returns
    -------
    The rows of folds and points in time, with the columns `list` (its name) and `listed` (whether the
    student is on it). A point in time of fewer than `LEAST` students is left out.
    """
    rows = forecasts[forecasts["headline"] & forecasts["kind"].isin(["fold", "origin"])]
    repeat = "repeat " + rows["repeat"].astype(str)
    rows = rows.assign(list=rows["label"].where(rows["kind"] == "origin", repeat))
    rows = rows.sort_values("term", kind="stable").drop_duplicates(["list", "student"], keep="last")
    rows = rows[rows.groupby("list")["student"].transform("size") >= LEAST].sort_index()
    listed = np.zeros(len(rows), dtype=bool)
    for own in rows.groupby("list").indices.values():
        listed[own[order(rows.iloc[own], lower_is_better)[:capacity]]] = True
    return rows.assign(listed=listed)


def order(rows: pd.DataFrame, lower_is_better: bool, name: str = "network") -> Integers:
    """The rows by risk, the highest first, then by forecast, the worst first.

    A forecaster of whom there is no column `risk_NAME` has its list made by the forecast alone, as
    the network where it has no risks.
    """
    worst = rows[name] * (-1 if lower_is_better else 1)
    risk = {"network": "risk"}.get(name, f"risk_{name}")
    found = [worst] if name in RIVALS or risk not in rows else [worst, -rows[risk].fillna(0.0)]
    return np.lexsort(found)


def quality(rows: pd.DataFrame, capacity: int, lower_is_better: bool) -> dict[str, Any]:
    """How good the lists are; {} where no grade can be worse than the line.

    Parameters
    ----------
    rows : those of folds, or those of points in time, that `candidates` gives
    capacity : how many students are on a list

    Returns
    -------
    For the network, for copying and for linear regression `precision` (the share of the list to whom
    it did happen) and `recall` (the share that were on the list of all to whom it did; not of fewer
    than `LEAST`), with intervals; both for a list by `chance`; the differences of the network's
    precision from theirs (`against`); and under `stability` which share of a list stays on it:
    `seeds`: made by one half of the networks, for one made by the other half; `repeats`: made by
    networks of other seeds that learnt from other students; `earlier`: made by networks that were
    trained before the point in time before.
    """
    if rows.empty or rows["happened"].isna().any():
        return {}
    names, students = np.unique(rows["student"], return_inverse=True)
    draw = np.random.default_rng(_SEED)
    counts = np.ones((_DRAWS + 1, len(names)), np.uint8)  # the first are the students as they are
    for each in counts[1:]:
        each[:] = np.bincount(draw.integers(len(names), size=len(names)), minlength=len(names))
    made = ["network", *RIVALS, *(name for name in OTHERS if name in rows)]
    hits: dict[str, Any] = dict.fromkeys(made, 0.0)
    places, happened = np.zeros(_DRAWS + 1), np.zeros(_DRAWS + 1)
    lists: dict[str, dict[Any, _List]] = {name: {} for name in (*made, *OTHERS)}
    for label, own in rows.groupby("list", sort=False).indices.items():
        table = rows.iloc[own]
        happened += counts[:, students[own][table["happened"] == 1]].sum(axis=1)
        for name in made:
            if table[name].isna().any():  # there was no network before the first point in time
                continue
            # So many at the top fill the list in every draw.
            first = order(table, lower_is_better, name)[: 2 * capacity + 50]
            taken = counts[:, students[own[first]]].astype(int)
            taken = np.clip(capacity - (taken.cumsum(axis=1) - taken), 0, taken)
            # Who has the same forecast as others is on the list as likely as they are.
            key = table[name] if name in RIVALS else table["student"]
            hits[name] += taken @ table["happened"].groupby(key).transform("mean").to_numpy()[first]
            lists[name][label] = students[own[first]], taken
            places += taken.sum(axis=1) if name == "network" else 0
    share = len(rows) / len(lists["network"])  # students in a list
    enough = rows.loc[rows["happened"] == 1, "student"].nunique() >= LEAST
    with np.errstate(invalid="ignore"):  # in a draw it may happen to nobody
        found: dict[str, Any] = {
            name: _interval("precision", hits[name] / places)
            # Those of equal forecasts count by what happened to all of them, drawn or not.
            | _interval("recall", np.minimum(hits[name] / (happened if enough else np.nan), 1))
            for name in ("network", *RIVALS)
        }
    network = lists["network"]
    repeats = pairwise(network.values()) if rows["kind"].eq("fold").all() else ()
    stability: dict[str, Sequence[tuple[_List, _List]]] = {
        "seeds": [*zip(lists["half_1"].values(), lists["half_2"].values(), strict=True)],
        "repeats": [*repeats],
        "earlier": [(network[label], own) for label, own in lists["earlier"].items()],
    }
    return {
        **{"capacity": capacity, "students": round(share), "lists": len(network)},
        **found,
        "chance": {
            "precision": rows["happened"].mean(),
            "recall": min(capacity / share, 1.0) if enough else np.nan,
        },
        "against": {
            name: _interval("difference", (hits["network"] - hits[name]) / places)
            for name in RIVALS
        },
        "stability": {name: _in_common(pairs) for name, pairs in stability.items() if pairs},
    }


def _interval(name: str, values: Numbers) -> dict[str, float]:
    """A figure, and the ends of its interval, from its value as it is and in each draw."""
    low, high = (
        np.nanquantile(values[1:], [0.025, 0.975]) if np.isfinite(values[0]) else 2 * [np.nan]
    )
    return {name: values[0], f"{name}_low": low, f"{name}_high": high}


def _in_common(pairs: Sequence[tuple[_List, _List]]) -> dict[str, float]:
    """Which share of one list is on the other, over all pairs of lists."""
    common, places = np.zeros(_DRAWS + 1), np.zeros(_DRAWS + 1)
    for (first, taken), (second, others) in pairs:
        _, here, there = np.intersect1d(first, second, return_indices=True)
        common += np.minimum(taken[:, here], others[:, there]).sum(axis=1)
        places += taken.sum(axis=1)
    return _interval("share", common / places)

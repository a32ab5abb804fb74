"""The list of students at the highest risk: its precision, recall and stability.

The list has as many students as an adviser has time for. One is made for each repeat of the folds
(each student with the last forecast grade), and one for each point in time. Intervals are from a
bootstrap over students (Efron, Annals of Statistics 7, 1979), with the forecasts fixed.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from nextsem.comparison.metrics import LEAST
from nextsem.students.students import Integers, Numbers

RIVALS = ("last", "linear")  # baselines whose lists are compared with the network's
# Forecasts by each half of the networks, and by the networks of the previous point in time.
OTHERS = ("half_1", "half_2", "earlier")
# Students near the top [top], and how many places each takes in each bootstrap draw [draws, top].
_List = tuple[Integers, Integers]
_DRAWS = 1000
_SEED = 0


def candidates(forecasts: pd.DataFrame, capacity: int, lower_is_better: bool) -> pd.DataFrame:
    """The students that each list is chosen from, each with the last forecast.

    Parameters
    ----------
    forecasts : from `summaries.assessed`
    capacity : number of students on a list

    Returns
    -------
    The rows of folds and points in time, with the columns `list` (its name) and `listed` (whether
    the student is on it). A point in time with fewer than `LEAST` students is left out.
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
    """Indices of the rows, sorted by highest risk, then by worst forecast.

    A forecaster without risks (no column `risk_NAME`) is sorted by forecast alone.
    """
    worst = rows[name] * (-1 if lower_is_better else 1)
    risk = {"network": "risk"}.get(name, f"risk_{name}")
    found = [worst] if name in RIVALS or risk not in rows else [worst, -rows[risk].fillna(0.0)]
    return np.lexsort(found)


def quality(rows: pd.DataFrame, capacity: int, lower_is_better: bool) -> dict[str, Any]:
    """How good the lists are; {} if no grade can be beyond the threshold.

    Parameters
    ----------
    rows : from `candidates`, either those of folds or those of points in time
    capacity : number of students on a list

    Returns
    -------
    For the network and each of `RIVALS`, `precision` (the share of the list with a grade beyond the
    threshold) and `recall` (the share of all such students who were on the list; NaN if fewer than
    `LEAST`), with intervals; both for a random list (`chance`); the network's precision minus that
    of each rival (`against`); and under `stability` the share that two lists have in common:
    `seeds`: made by the two halves of the networks; `repeats`: made by networks with other seeds
    and training students; `earlier`: made by networks of the previous point in time.
    """
    if rows.empty or rows["happened"].isna().any():
        return {}
    names, students = np.unique(rows["student"], return_inverse=True)
    draw = np.random.default_rng(_SEED)
    counts = np.ones((_DRAWS + 1, len(names)), np.uint8)  # the first row is the original sample
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
            if table[name].isna().any():  # the first point in time has no previous network
                continue
            # This many at the top fill the list in practically every draw.
            first = order(table, lower_is_better, name)[: 2 * capacity + 50]
            taken = counts[:, students[own[first]]].astype(int)
            taken = np.clip(capacity - (taken.cumsum(axis=1) - taken), 0, taken)
            # Students with equal forecasts are equally likely to be on the list.
            key = table[name] if name in RIVALS else table["student"]
            hits[name] += taken @ table["happened"].groupby(key).transform("mean").to_numpy()[first]
            lists[name][label] = students[own[first]], taken
            places += taken.sum(axis=1) if name == "network" else 0
    share = len(rows) / len(lists["network"])  # students in a list
    enough = rows.loc[rows["happened"] == 1, "student"].nunique() >= LEAST
    with np.errstate(invalid="ignore"):  # a draw may have nobody beyond the threshold
        found: dict[str, Any] = {
            name: _interval("precision", hits[name] / places)
            # Ties use the mean outcome of the original sample, so a draw may exceed 1.
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
    """A statistic and the ends of its interval, from its original value and the draws."""
    low, high = (
        np.nanquantile(values[1:], [0.025, 0.975]) if np.isfinite(values[0]) else 2 * [np.nan]
    )
    return {name: values[0], f"{name}_low": low, f"{name}_high": high}


def _in_common(pairs: Sequence[tuple[_List, _List]]) -> dict[str, float]:
    """The share that two lists have in common, over all pairs, with its interval."""
    common, places = np.zeros(_DRAWS + 1), np.zeros(_DRAWS + 1)
    for (first, taken), (second, others) in pairs:
        _, here, there = np.intersect1d(first, second, return_indices=True)
        common += np.minimum(taken[:, here], others[:, there]).sum(axis=1)
        places += taken.sum(axis=1)
    return _interval("share", common / places)

"""Drift: how students differ from those that a forecaster was trained on.

The population stability index (PSI) comes from credit scoring. By convention, below 0.1 there is no
drift, up to 0.25 it is moderate, above that large. With few students it is large by chance: for n
and m students without drift, PSI / (1/n + 1/m) is about chi-squared (Yurdakul and Naranjo,
"Statistical properties of the population stability index", Journal of Risk Model Validation 14,
2020).
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from nextsem.forecaster.profile import OTHERS, Profile, known_values
from nextsem.students.students import Integers, Mask, Students

MODERATE, LARGE = 0.1, 0.25
COLUMN, READING, PSI, CHANCE = "Column", "Drift", "PSI", "PSI by chance, up to"
KS, SAID, _BINS = "Kolmogorov-Smirnov", "What differs", "bins"
_LEVEL = 0.05  # of a false alarm, for all columns together (Bonferroni)
_NAMED = 5  # new categories, at most


def drift(trained: Profile, students: Students) -> pd.DataFrame:
    """The drift of each column from the training data, one row per column.

    `PSI` compares the shares of students in the bins of the training data, with half a student
    added to each; `Kolmogorov-Smirnov` is the largest difference of cumulative shares at the bin
    edges. `Drift` is none, moderate or large, or `may be chance` where PSI is not significant.
    """
    rows = []
    for name, own in known_values(students).items():
        if (before := trained.numbers.get(name)) is not None and len(own):
            counts = np.bincount(np.digitize(own, before.edges), minlength=len(before.shares))
            said = f"mean {own.mean():.2f}, in training {before.mean:.2f}"
            moved = np.abs(np.cumsum(counts / len(own) - before.shares)).max()
            rows.append(_row(name, counts, before.shares, before.count, said) | {KS: moved})
    for name, by_category in trained.categories.items():
        found = students.category(name)
        found = np.where(np.isin(found, [*by_category]), found, OTHERS)
        counts = np.array([(found == each).sum() for each in by_category])
        if len(found):
            most = max(
                by_category, key=lambda each: abs((found == each).mean() - by_category[each])
            )
            share, before_share = (found == most).mean(), by_category[most]
            said = f"{most or 'none'} {share:.0%}, in training {before_share:.0%}"
            rows.append(_row(name, counts, [*by_category.values()], trained.students, said))
    order = [COLUMN, "Students", "In training", PSI, CHANCE, KS, READING, SAID]
    table = pd.DataFrame(rows, columns=[*order, _BINS])
    # With a single bin PSI is always 0.
    limit = chdtri(np.maximum(table[_BINS].astype(float) - 1, 1), _LEVEL / max(len(table), 1))
    table[CHANCE] = limit * (1 / table["Students"] + 1 / table["In training"])
    size = np.select([table[PSI] < MODERATE, table[PSI] < LARGE], ["none", "moderate"], "large")
    by_chance = (size != "none") & (table[PSI] <= table[CHANCE])
    table[READING] = np.where(by_chance, "may be chance", size)
    return table[order]


def _row(
    name: str, counts: Integers, shares: list[float], in_training: int, said: str
) -> dict[str, Any]:
    """The row of a column with these counts of students in the bins."""
    before = np.array(shares) * in_training
    now, then = ((each + 0.5) / (each.sum() + 0.5 * len(each)) for each in (counts, before))
    return {
        **{COLUMN: name, "Students": counts.sum(), "In training": in_training, SAID: said},
        **{
            PSI: ((now - then) * np.log(now / then)).sum(),
            _BINS: ((counts > 0) | (before > 0)).sum(),
        },
    }


def in_words(
    table: pd.DataFrame,
    trained: Profile,
    students: Students,
    unknown: Mask,
    forward: dict[str, Any],
) -> list[str]:
    """Findings, one sentence each, and what to do about them.

    Parameters
    ----------
    table : from `drift`
    unknown : [students, categories], whether the category was not in training
    forward : `forward` of `metrics/crossvalidation.json` (errors forward in time), or {}
    """
    found = []
    for row in table[table[READING].isin(["moderate", "large"])].to_dict("records"):
        found.append(
            f"{row[COLUMN]}: {row[READING]}, of {row['Students']} students: {row[SAID]} (population "
            f"stability index {row[PSI]:.2f}, by chance up to {row[CHANCE]:.2f})"
        )
    for name, own in known_values(students).items():
        if (before := trained.numbers.get(name)) is None:
            continue
        far = own[(own < before.low - 2 * before.sd) | (own > before.high + 2 * before.sd)]
        if len(far):
            found.append(
                f"{name}: {len(far)} far outside, such as {far[0]:g}; in training from about "
                f"{before.low:g} to {before.high:g}"
            )
    categories = students.categories_at(students.last_place)
    for place, name in enumerate(students.schema.categories):
        new = np.unique(categories[unknown[:, place], place]).tolist()
        if new:
            more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
            count = int(unknown[:, place].sum())
            found.append(
                f"{name}: {', '.join(new[:_NAMED])}{more} not in the training data, of {count} students"
            )
    if found:
        found.append(
            "what to do: check whether these students are selected and graded as before, and the "
            "columns read as before; if so, retrain with the newest grades (dvc repro). Until "
            "then, trust the order of the students more than ranges and risks"
        )
    if forward and (table[READING] == "large").any():
        name, last = [*forward["origins"].items()][-1]
        found.append(
            f"the typical miss of the last point in time, {last['network'] ** 0.5:.2f} grade points in "
            f"{name}, is no longer to be expected"
        )
    return found

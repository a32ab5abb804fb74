"""Fairness: whether risks and the list are worse for some groups of students."""

from typing import Any

import numpy as np
import pandas as pd

from nextsem.comparison.metrics import LEAST, largest
from nextsem.comparison.significance import (
    Estimate,
    change,
    holm,
    mean_interval,
    p_of,
    share_interval,
)
from nextsem.students.students import Texts

TOO_FEW = f"fewer than {LEAST}"


def at_the_line(rows: pd.DataFrame, columns: dict[str, Texts]) -> dict[str, Any]:
    """False-negative rate and calibration of the risk, by group.

    Equal false-negative rates are "equal opportunity" (Hardt, Price and Srebro, NeurIPS 2016). If
    base rates differ between groups, no forecast can have both this and risks calibrated in each
    group (Chouldechova, Big Data 5, 2017), so both are reported.

    Parameters
    ----------
    rows : from `lists.candidates`, with a column `listed`
    columns : by name of the group column, the group of each student, "" for none

    Returns
    -------
    `looked_at` (the number of tests), and under `columns` for each of the largest groups: the
    number of students `n`; how many had a grade beyond the threshold (`below`); the false-negative
    rate `fnr` (the share of these who were not on the list), with the ends of its 95 % interval
    (Wilson) and the p-value of its difference from all others; the mean `risk`, the share
    `happened`, and their difference `risk_bias` with its interval and p-value. P-values are
    corrected for `looked_at` (Holm). Statistics of fewer than `LEAST` students are left out.
    """
    each = rows.groupby("student")[["risk", "happened"]].mean()
    missed = 1.0 - rows[rows["happened"] == 1].groupby("student")["listed"].mean()
    found: dict[str, dict[str, dict[str, Any]]] = {}
    tests: list[tuple[dict[str, Any], str, float]] = []
    for column, groups in columns.items():
        found[column] = {}
        here = groups[each.index]
        for group in largest(here):
            own, its = each[here == group], missed[groups[missed.index] == group]
            others = missed[~np.isin(groups[missed.index], [group, ""])]
            told = found[column][group] = {"n": TOO_FEW, "below": TOO_FEW}
            if len(own) < LEAST:
                continue
            told["n"] = len(own)
            if len(its) >= LEAST:
                rate = _share(its)
                told |= {"below": len(its)} | _named("fnr", rate)
                if len(others) >= LEAST:
                    tests.append((told, "fnr_p", p_of(change(_share(others), rate))))
            if max(len(its), own["risk"].sum()) >= LEAST and own["risk"].notna().all():
                bias = Estimate(*mean_interval((own["risk"] - own["happened"]).to_numpy()))
                told |= own.mean().to_dict() | _named("risk_bias", bias)
                tests.append((told, "risk_bias_p", p_of(bias)))
    for (told, key, _), p in zip(tests, holm([p for _, _, p in tests]), strict=True):
        told[key] = p
    return {"looked_at": len(tests), "columns": found}


def _share(missed: "pd.Series[float]") -> Estimate:
    share = float(missed.mean())
    return Estimate(share, *share_interval(share, len(missed)))


def _named(name: str, own: Estimate) -> dict[str, float]:
    return {name: own.value, f"{name}_low": own.low, f"{name}_high": own.high}

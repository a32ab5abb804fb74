"""False negatives and the calibration of the risk by group, against groups that are known."""

import numpy as np
import pandas as pd
import pytest

from nextsem.comparison.fairness import at_the_line


def rows(students: int, seed: int, missed: float = 0.3, wrong: float = 0.0) -> pd.DataFrame:
    """Students of whom every fifth is at risk; of group B more may be missed, and the risk too low.

    Group B is every second student.
    """
    draw = np.random.default_rng(seed)
    of_b = np.arange(students) % 2 == 1
    risk = draw.beta(1, 4, students)
    happened = draw.random(students) < np.clip(risk + wrong * of_b, 0, 1)
    listed = draw.random(students) > np.where(of_b, missed, 0.3)
    table = {"student": range(students), "risk": risk, "happened": happened.astype(float)}
    return pd.DataFrame(table | {"listed": listed})


def groups(students: int) -> dict[str, np.ndarray]:
    return {"Group": np.where(np.arange(students) % 2 == 1, "B", "A")}


def test_by_hand() -> None:
    table = rows(400, seed=0)
    twice = pd.concat([table, table.assign(listed=~table["listed"])])  # in another repeat
    own = table[table["student"] % 2 == 1]
    its = own[own["happened"] == 1]
    told = at_the_line(table, groups(400))["columns"]["Group"]["B"]
    assert (told["n"], told["below"]) == (200, len(its))
    assert told["fnr"] == pytest.approx(1 - its["listed"].mean())
    assert told["risk_bias"] == pytest.approx(own["risk"].mean() - own["happened"].mean())
    assert told["fnr_low"] < told["fnr"] < told["fnr_high"]
    told = at_the_line(twice, groups(400))["columns"]["Group"]["B"]
    assert told["fnr"] == pytest.approx(0.5)  # on half of the lists
    assert told["below"] == len(its)  # students, not rows


def test_what_differs_is_found_and_chance_is_not() -> None:
    """No group is accused in more than one of twenty tables, however many are looked at."""
    accused = []
    for seed in range(60):
        table, others = rows(600, seed), np.random.default_rng(seed)
        columns = groups(600) | {f"column {n}": others.choice(list("abc"), 600) for n in range(4)}
        found = at_the_line(table, columns)
        assert found["looked_at"] == 2 * (2 + 4 * 3)
        told = [each for own in found["columns"].values() for each in own.values()]
        accused.append(min(p for each in told for p in (each["fnr_p"], each["risk_bias_p"])) < 0.05)
    assert np.mean(accused) <= 0.1
    worse = at_the_line(rows(600, 0, missed=0.8), groups(600))["columns"]["Group"]["B"]
    assert worse["fnr_p"] < 0.05 < worse["risk_bias_p"]
    worse = at_the_line(rows(600, 0, wrong=0.15), groups(600))["columns"]["Group"]["B"]
    assert worse["risk_bias"] < 0
    assert worse["risk_bias_p"] < 0.05


def test_what_is_too_few_to_tell_says_so() -> None:
    table = rows(400, seed=0)
    names = np.full(400, "usual", dtype="<U20")
    names[:4] = "four students"
    at_risk = table.index[table["happened"] == 1][10:]
    names[[*at_risk[:4], *table.index[table["happened"] == 0][100:106]]] = "four at risk"
    names[-30:] = ""  # of no group
    found = at_the_line(table, {"Group": names})
    told = found["columns"]["Group"]
    assert told["four students"] == {"n": "fewer than 5", "below": "fewer than 5"}
    assert told["four at risk"] == {"n": 10, "below": "fewer than 5"}
    assert "" not in told
    counted = sum(key.endswith("_p") for each in told.values() for key in each)
    assert counted == found["looked_at"]


def test_without_risks_false_negatives_are_told_alone() -> None:
    found = at_the_line(rows(400, 0).assign(risk=np.nan), groups(400))
    assert found["looked_at"] == 2
    assert "risk" not in found["columns"]["Group"]["A"]

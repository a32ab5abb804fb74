"""The list of those at the highest risk: counted by hand, by chance, and with other seeds."""

import numpy as np
import pandas as pd
import pytest

from nextsem.comparison import lists, summaries
from tests.comparison import made

CAPACITY = 10


def of_folds(forecasts: pd.DataFrame | None = None) -> pd.DataFrame:
    of = made.students()
    found = made.assessed(of, made.out_of_fold(of) if forecasts is None else forecasts)
    return lists.candidates(found, CAPACITY, lower_is_better=False)


def drawn(students: int, seed: int, repeats: int = 1, noise: float = 1.0) -> pd.DataFrame:
    """Candidates whose grades and forecasts are normal; a grade below -1 is what may happen."""
    draw = np.random.default_rng(seed)
    ability = draw.normal(size=students)
    grades, tables = ability + draw.normal(0, 0.5, students), []
    for repeat in range(repeats):
        table = pd.DataFrame({"student": range(students), "list": f"repeat {repeat}"})
        table = table.assign(kind="fold", happened=(grades < -1).astype(float), last=0.0)
        for name in ("network", "linear", "half_1", "half_2"):
            table[name] = ability + draw.normal(0, noise, students)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def test_by_hand() -> None:
    rows = of_folds()
    found = lists.quality(rows, CAPACITY, lower_is_better=False)
    assert (found["lists"], found["students"], found["capacity"]) == (2, 75, CAPACITY)
    hits = at_risk = 0.0
    for _, own in rows.groupby("repeat"):
        top = own.sort_values(["risk", "network"], ascending=[False, True])[:CAPACITY]
        assert set(top["student"]) == set(own.loc[own["listed"], "student"])
        hits += top["happened"].sum()
        at_risk += own["happened"].sum()
    assert found["network"]["precision"] == pytest.approx(hits / (2 * CAPACITY))
    assert found["network"]["recall"] == pytest.approx(hits / at_risk)
    assert found["chance"]["precision"] == pytest.approx(at_risk / len(rows))
    assert found["chance"]["recall"] == pytest.approx(CAPACITY / 75)
    copied = rows.sort_values("last").groupby("repeat").head(CAPACITY)["happened"].mean()
    assert found["last"]["precision"] == pytest.approx(copied)
    difference = found["against"]["last"]
    assert difference["difference"] == pytest.approx(hits / (2 * CAPACITY) - copied)
    assert difference["difference_low"] <= difference["difference"] <= difference["difference_high"]
    first, second = (set(own.loc[own["listed"], "student"]) for _, own in rows.groupby("repeat"))
    assert found["stability"]["repeats"]["share"] == len(first & second) / CAPACITY


def test_students_of_equal_forecasts_are_on_the_list_by_chance() -> None:
    """A copy has many of these; in which order they stand in the table must not matter."""
    rows = drawn(100, seed=0)  # whose `last` is the same for all
    found = lists.quality(rows, CAPACITY, lower_is_better=False)
    assert found["last"]["precision"] == pytest.approx(found["chance"]["precision"])
    assert found["last"]["recall"] == pytest.approx(found["chance"]["recall"])


def test_the_interval_holds_what_other_students_show() -> None:
    """On 100 samples of students, at least 9 in 10 intervals hold the figure of very many."""
    many = drawn(200_000, seed=1)
    top = {name: many.nsmallest(20_000, name) for name in ("network", "half_1", "half_2")}
    truth = {
        "precision": top["network"]["happened"].mean(),
        "share": top["half_1"].index.isin(top["half_2"].index).mean(),
    }
    held = []
    for seed in range(2, 102):
        found = lists.quality(drawn(200, seed), 20, lower_is_better=False)
        own = found["network"] | found["stability"]["seeds"]
        held.append([own[f"{name}_low"] <= truth[name] <= own[f"{name}_high"] for name in truth])
    assert np.mean(held, axis=0).min() >= 0.9


def test_points_in_time_have_lists_of_their_own_and_those_of_older_networks() -> None:
    of = made.students(layout="long")
    forecasts = made.with_origins(made.out_of_fold(of), ["Spring", "Autumn"])
    forecasts["earlier"] = forecasts["network"].where(forecasts["label"] == "Autumn")
    rows = lists.candidates(made.assessed(of, forecasts), CAPACITY, lower_is_better=False)
    assert not rows.duplicated(["list", "student"]).any()
    own = ["Autumn", "Spring", "repeat 1", "repeat 2"]
    assert rows.groupby("list")["listed"].sum().to_dict() == dict.fromkeys(own, CAPACITY)
    last = rows[rows["kind"] == "fold"].groupby("student")["term"].max()
    assert (last == of.next_term[last.index] - 1).all()  # a student's last grade
    origins = rows[rows["kind"] == "origin"]
    found = lists.quality(origins, CAPACITY, lower_is_better=False)
    assert found["lists"] == 2
    assert found["stability"]["earlier"]["share"] == 1.0  # the same forecasts as the newer ones
    assert found["stability"]["seeds"]["share"] < 1.0


def test_a_list_turns_with_the_scale() -> None:
    of = made.students()
    turned = made.assessed(*made.mirrored(of, made.out_of_fold(of)), line=4.0)
    there = lists.candidates(turned, CAPACITY, lower_is_better=True)
    there = lists.quality(there, CAPACITY, lower_is_better=True)
    here = lists.quality(of_folds(), CAPACITY, lower_is_better=False)
    for name in ("last", "linear", "chance"):
        assert here[name] == pytest.approx(there[name])
    assert here["network"]["precision"] == pytest.approx(there["network"]["precision"], abs=0.1)


def test_nothing_of_fewer_than_five_students() -> None:
    rows = drawn(60, seed=4)
    rows["happened"] = (rows["student"] < 4).astype(float)
    found = lists.quality(rows, CAPACITY, lower_is_better=False)
    names = ("network", "last", "linear", "chance")
    assert np.isnan([found[name]["recall"] for name in names]).all()
    of = made.students(layout="long")
    forecasts = made.with_origins(made.out_of_fold(of), ["Spring", "Autumn"])
    spring = forecasts[forecasts["label"] == "Spring"]
    forecasts = forecasts.drop(spring.index[4:]).reset_index(drop=True)
    rows = lists.candidates(made.assessed(of, forecasts), CAPACITY, lower_is_better=False)
    assert "Spring" not in set(rows["list"])


def test_without_a_line_there_is_no_list_and_without_risks_it_is_by_forecast() -> None:
    of = made.students()
    forecasts = made.out_of_fold(of)
    nowhere = made.assessed(of, forecasts, np.nan)
    nowhere = lists.candidates(nowhere, CAPACITY, lower_is_better=False)
    assert lists.quality(nowhere, CAPACITY, lower_is_better=False) == {}
    found = summaries.assessed(forecasts, [None] * 99, of, 0.9, 6.0)
    rows = lists.candidates(found, CAPACITY, lower_is_better=False)
    lowest = rows.sort_values("network").groupby("repeat").head(CAPACITY)
    assert set(lowest.index) == set(rows.index[rows["listed"]])
    assert lists.quality(rows, CAPACITY, lower_is_better=False)["network"]["precision"] > 0


def test_a_list_longer_than_the_table_holds_everybody() -> None:
    found = lists.quality(drawn(30, seed=5), 50, lower_is_better=False)
    assert found["network"]["recall"] == found["chance"]["recall"] == 1.0
    assert found["network"]["precision"] == pytest.approx(found["chance"]["precision"])

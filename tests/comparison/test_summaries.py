"""Summaries of out-of-fold forecasts, against what they are computed from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error, r2_score

from nextsem.comparison import lists, summaries
from nextsem.comparison.metrics import LEAST
from nextsem.students.students import Students
from tests.comparison import made


def summary(of: Students, forecasts: pd.DataFrame, **others: object) -> dict:
    found = made.assessed(of, forecasts)
    candidates = lists.candidates(found, 20, of.schema.lower_is_better)
    return summaries.summary(found, candidates, of, pd.DataFrame(others), 20)


def test_errors_are_means_over_folds_and_r2_is_of_all_students() -> None:
    """As scikit-learn's cross_val_score gives errors, so that they can be held against others'."""
    of = made.students()
    forecasts = made.out_of_fold(of, folds=4, repeats=1)  # 75 students: folds of 19 and of 18
    found = summary(of, forecasts)["forecasters"]["forest"]
    rows = forecasts[(forecasts["kind"] == "fold") & forecasts["headline"]]
    folds = [mean_squared_error(own["actual"], own["forest"]) for _, own in rows.groupby("fold")]
    assert found["mse"] == pytest.approx(np.mean(folds))
    assert found["r2"] == pytest.approx(r2_score(rows["actual"], rows["forest"]))


def test_every_term_is_told_of_beside_the_headline() -> None:
    of = made.students()
    forecasts = made.out_of_fold(of)
    found = summary(of, forecasts)
    assert list(found["by_semester"]) == ["2nd", "3rd", "4th", "5th"]
    third = forecasts[(forecasts["kind"] == "fold") & (forecasts["term"] == 2)]
    expected = ((third["last"] - third["actual"]) ** 2).mean()
    assert found["by_semester"]["3rd"]["last"] == pytest.approx(expected)
    assert list(found["intervals"]["by_known"]) == list(found["risk"]["by_known"]) == [1, 2, 3, 4]
    assert found["intervals"]["coverage"] == found["intervals"]["by_known"][4]["coverage"]


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_ranges_of_the_worst_quarter_by_hand(lower_is_better: bool) -> None:
    of = made.students()
    of = replace(of, schema=replace(of.schema, lower_is_better=lower_is_better))
    forecasts = made.out_of_fold(of)
    found, table = summary(of, forecasts)["intervals"]["weakest"], made.assessed(of, forecasts)
    rows = table[(table["kind"] == "fold") & table["headline"]]
    own = []
    for _, repeat in rows.groupby("repeat"):
        ordered = repeat.sort_values("network", ascending=not lower_is_better)
        own.append(ordered.head(len(repeat) // 4))
    worst = pd.concat(own)
    inside = worst["actual"].between(worst["low"], worst["high"])
    assert found["coverage"] == pytest.approx(inside.mean())
    assert found["width"] == pytest.approx((worst["high"] - worst["low"]).mean())
    assert found["n"] == worst["student"].nunique()
    assert found["coverage_low"] < found["coverage"] < found["coverage_high"]


def numbers_of_students(figures: object) -> list[object]:
    if not isinstance(figures, dict):
        return []
    own = [figures["n"]] if "n" in figures else []
    return own + [each for inner in figures.values() for each in numbers_of_students(inner)]


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_nothing_is_told_of_fewer_than_five_students(layout: str) -> None:
    of = made.students(layout=layout)
    forecasts = made.out_of_fold(of)
    rare = np.where(np.arange(len(of)) < LEAST - 1, "rare", "usual")
    found = summary(of, forecasts, Group=rare)
    assert "Tiny" not in found["unseen"]
    assert "Tiny" not in found["intervals"]["by"]
    assert found["groups"]["Group"]["rare"] == {"n": "fewer than 5"}
    counts = [each for each in numbers_of_students(found) if not isinstance(each, str)]
    assert min(counts) >= LEAST
    assert summaries.fold_sums(forecasts, of.schema.terms)["students"].min() >= LEAST


def test_sums_by_fold_give_the_error() -> None:
    of = made.students()
    forecasts = made.out_of_fold(of)
    sums = summaries.fold_sums(forecasts, of.schema.terms)
    assert set(sums["origin"]) == {""}
    assert list(sums[["repeat", "fold"]].itertuples(index=False, name=None)) == [
        (repeat, fold) for repeat in (1, 2) for fold in (1, 2, 3, 4, 5)
    ]
    expected = summary(of, forecasts)["forecasters"]["forest"]["mse"]
    assert (sums["forest"] / sums["students"]).mean() == pytest.approx(expected)


def test_points_in_time_by_hand() -> None:
    of = made.students(layout="long")
    forecasts = made.with_origins(made.out_of_fold(of), ["Spring", "Autumn"])
    rows = forecasts[forecasts["kind"] == "origin"]
    found = summary(of, forecasts)["forward"]
    assert list(found["origins"]) == ["Spring", "Autumn"]
    for own, figures in [(rows, found)] + [
        (rows[rows["label"] == name], figures) for name, figures in found["origins"].items()
    ]:
        assert figures["n"] == len(own)
        for name in ("network", "linear", "boosted_trees"):
            assert figures[name] == pytest.approx(mean_squared_error(own["actual"], own[name]))
    difference = found["against"]["linear"]
    assert difference["difference"] == pytest.approx(found["network"] - found["linear"])
    assert difference["low"] < difference["difference"] < difference["high"]
    again = rows.merge(forecasts[forecasts["kind"] == "fold"], on=["student", "term"])
    expected = mean_squared_error(again["actual_y"], again["network_y"])
    assert found["out_of_fold"] == pytest.approx(expected)
    sums = summaries.fold_sums(forecasts, of.schema.terms).set_index("origin")
    for name, figures in found["origins"].items():
        assert sums.loc[name, "students"] == figures["n"]
        assert sums.loc[name, "linear"] / figures["n"] == pytest.approx(figures["linear"])


def test_points_in_time_change_no_figure_of_the_folds() -> None:
    of = made.students(layout="long")
    forecasts = made.out_of_fold(of)
    without, found = summary(of, forecasts), summary(of, made.with_origins(forecasts, ["Autumn"]))
    assert without.pop("forward") == {}
    assert found.pop("forward")
    assert without.pop("fairness") != found.pop("fairness")  # is of these lists, if there are any
    assert str(found) == str(without)


def test_a_point_in_time_of_few_students_is_not_told() -> None:
    of = made.students(layout="long")
    forecasts = made.with_origins(made.out_of_fold(of), ["Spring", "Autumn"])
    spring = forecasts[forecasts["label"] == "Spring"]
    forecasts = forecasts.drop(spring.index[LEAST - 1 :]).reset_index(drop=True)
    found = summary(of, forecasts)["forward"]
    assert list(found["origins"]) == ["Autumn"]
    assert found["n"] == found["origins"]["Autumn"]["n"]
    assert "Spring" not in set(summaries.fold_sums(forecasts, of.schema.terms)["origin"])


def test_the_base_rate_is_that_of_the_other_students() -> None:
    of = made.students()
    found = made.assessed(of, made.out_of_fold(of))
    own = found[found["part"] == 3]
    others = np.delete(of.grades, own["student"].unique(), axis=0)
    for term, rows in own.groupby("term"):
        known = others[np.isfinite(others[:, term]), term]
        assert rows["risk_base"].unique() == pytest.approx([(known < 6).mean()])


def test_the_spread_over_seeds_is_that_of_simulated_networks() -> None:
    """Networks that mostly err alike: other draws of what differs give errors that far apart."""
    of, draw = made.students(400), np.random.default_rng(2)
    forecasts, found, errors = made.out_of_fold(of, repeats=4), [], []
    headline = forecasts[(forecasts["kind"] == "fold") & forecasts["headline"]]
    alike = headline["actual"].to_numpy()[:, None] + draw.normal(0, 0.5, (len(headline), 1))
    for _ in range(100):
        halves = alike + draw.normal(0, 0.1, (len(headline), 2))
        own = headline.assign(half_1=halves[:, 0], half_2=halves[:, 1])
        found.append(summaries.sd_over_seeds(own))
        errors.append(((halves.mean(axis=1) - headline["actual"]) ** 2).mean())
    assert np.mean(found) == pytest.approx(np.std(errors), rel=0.2)


def test_risks_turn_with_the_scale() -> None:
    """A scale on which lower is better, and its mirror image, have the same risks."""
    of = made.students()
    forecasts = made.out_of_fold(of)
    here = made.assessed(of, forecasts)
    there = made.assessed(*made.mirrored(of, forecasts), line=4.0)
    for column in ("happened", "risk_linear", "risk_base"):
        np.testing.assert_allclose(here[column], there[column], atol=1e-9)
    assert np.corrcoef(here["risk"], there["risk"])[0, 1] > 0.98


def test_categories_are_those_known_before_the_term() -> None:
    of = made.students()
    codes = of.codes.copy()
    codes[0, 3:] = 1  # the first student goes from the third college to the second in the 4th term
    forecasts = made.out_of_fold(of)
    found = made.assessed(replace(of, codes=codes), forecasts)
    own = found[(found["student"] == 0) & (found["kind"] == "fold")]
    assert own.groupby("term")["category"].first().tolist() == ["Tiny", "Tiny", "Tiny", "South"]

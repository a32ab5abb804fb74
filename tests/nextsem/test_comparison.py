"""The comparison of two runs against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nextsem.comparison import Estimate, change, detectable, got_worse, holm, verdict
from nextsem.scores import Difference, by_group, paired_difference


def test_verdicts() -> None:
    assert verdict(Difference(-0.1, -0.2, -0.01, 0.01)) == "better"
    assert verdict(Difference(0.1, 0.01, 0.2, 0.01)) == "worse"
    assert verdict(Difference(-0.1, -0.3, 0.1, 0.2)) == "cannot be told apart"
    assert verdict(Difference(-0.1, -0.2, -0.01, 0.01), p=0.2) == "cannot be told apart"
    assert verdict(Difference(float("nan"), 0, 0, float("nan"))) == "cannot be told apart"


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    """By the noncentral t distribution, and by drawing."""
    draw = np.random.default_rng(0)
    folds = draw.normal(size=10)
    difference = paired_difference(folds, np.zeros(10), folds=5)
    size = detectable(difference, 10)
    error = np.sqrt((1 / 10 + 1 / 4) * folds.var(ddof=1))
    line = stats.t.ppf(0.975, 9)
    assert stats.nct.sf(line, 9, size / error) == pytest.approx(0.8, abs=1e-6)
    statistics = (draw.normal(size=20_000) + size / error) / np.sqrt(
        draw.chisquare(9, size=20_000) / 9
    )
    assert np.mean(statistics > line) == pytest.approx(0.8, abs=0.02)


def test_where_nothing_differs_anything_would_have_shown() -> None:
    assert detectable(paired_difference(np.ones(10), np.ones(10), folds=5), 10) == 0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_only_raises_and_keeps_the_order(p: list[float]) -> None:
    corrected = holm(p)
    assert all(p[place] <= corrected[place] <= 1 for place in range(len(p)))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()
    if p:
        assert corrected[order[0]] == pytest.approx(min(1, len(p) * min(p)))


def test_change_by_hand() -> None:
    rise = change(Estimate(1.0, 0.7, 1.4), Estimate(2.0, 1.7, 2.3))
    assert rise == pytest.approx((1.0, 1 - (0.3**2 + 0.4**2) ** 0.5, 1 + (0.3**2 + 0.3**2) ** 0.5))


def test_change_of_figures_that_move_together_is_sure() -> None:
    rise = change(Estimate(1.0, 0.8, 1.2), Estimate(1.1, 0.9, 1.3), correlation=1.0)
    assert rise == pytest.approx((0.1, 0.1, 0.1))


def metrics(squared: np.ndarray, coverage: float = 0.9, bias: float = 0.0) -> dict:
    count = len(squared)
    groups = np.where(np.arange(count) % 2, "A", "B")
    error = np.random.default_rng(3).normal(bias, 0.1, count)
    within = (np.random.default_rng(4).random(count) < coverage).astype(float)
    return {
        "intervals": {"coverage": within.mean()},
        "groups": {"Group": by_group(groups, squared, error, within)},
    }


def test_what_got_worse() -> None:
    squared = np.random.default_rng(0).exponential(0.2, 200)
    before = metrics(squared)
    odd = np.arange(200) % 2 == 1
    for after, found in (
        (metrics(squared), []),
        (metrics(squared + 0.3 * odd), [("Group A", "mean squared error")]),
        (metrics(squared - 0.1 * odd), []),
        (metrics(squared, bias=-0.2), [("Group A", "bias"), ("Group B", "bias")]),
        (metrics(squared, coverage=0.6), ["all students", "Group A", "Group B"]),
        (metrics(squared, coverage=0.99), []),
    ):
        worse = got_worse(before, after, 200, 0.9)
        assert [
            each.whom if each.what.startswith("coverage") else (each.whom, each.what)
            for each in worse
        ] == found
        assert all(each.p < 0.05 for each in worse)


def test_what_one_of_them_lacks_is_not_compared() -> None:
    after = metrics(np.ones(50))
    assert got_worse({}, after, 50, 0.0) == []
    assert got_worse({"intervals": {"coverage": None}}, after, 50, 0.0) == []

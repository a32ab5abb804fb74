"""Tests and intervals against scipy and by hand."""

import numpy as np
import pytest
from scipy import stats

from nextsem.comparison.metrics import by_group
from nextsem.comparison.significance import (
    Estimate,
    change,
    clustered_difference,
    detectable,
    got_worse,
    holm,
    paired_difference,
)


def test_paired_difference_by_hand() -> None:
    # Mean 2, variance 2; (1/4 + 1/1) of that; t of 3 degrees of freedom.
    found = paired_difference([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 2.0, 0.0], folds=2)
    error = np.sqrt((1 / 4 + 1) * 2)
    assert found.difference == 2
    assert found.p == pytest.approx(2 * stats.t.sf(2 / error, 3))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 3, loc=2, scale=error))


def test_no_difference_is_none() -> None:
    for found in (
        paired_difference(np.ones(10), np.ones(10), folds=5),
        clustered_difference(np.ones(10), np.ones(10), np.arange(10)),
    ):
        assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
        assert detectable(found, 10) == 0


def test_with_one_forecast_of_each_student_it_is_students_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 30))
    found, expected = clustered_difference(first, second, np.arange(30)), stats.ttest_rel
    assert found.p == pytest.approx(expected(first, second).pvalue)
    interval = expected(first, second).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval))


def test_the_same_forecasts_of_a_student_again_are_no_more_evidence() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(2, 30))
    once = clustered_difference(first, second, np.arange(30))
    thrice = clustered_difference(*(np.repeat(each, 3) for each in (first, second, np.arange(30))))
    assert np.allclose(*([each.difference, each.low, each.high, each.p] for each in (once, thrice)))


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    draw = np.random.default_rng(0)
    folds = draw.normal(size=10)
    difference = paired_difference(folds, np.zeros(10), folds=5)
    size = detectable(difference, 10)
    error = np.sqrt((1 / 10 + 1 / 4) * folds.var(ddof=1))
    line = stats.t.ppf(0.975, 9)
    assert stats.nct.sf(line, 9, size / error) == pytest.approx(0.8, abs=1e-6)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_change_by_hand() -> None:
    rise = change(Estimate(1.0, 0.7, 1.4), Estimate(2.0, 1.7, 2.3))
    assert rise == pytest.approx((1.0, 1 - (0.3**2 + 0.4**2) ** 0.5, 1 + (0.3**2 + 0.3**2) ** 0.5))


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

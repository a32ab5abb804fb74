"""Scores against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import RepeatedKFold

from nextsem.scores import (
    LEAST,
    SHOWN,
    brier,
    by_group,
    correlation_ratio,
    coverage,
    paired_difference,
    reliability,
    repeated_folds,
    scores,
    worse,
)


def test_scores_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    actual, forecast = draw.normal(size=20), draw.normal(size=20)
    found = scores(actual, forecast)
    assert found["mse"] == pytest.approx(mean_squared_error(actual, forecast))
    assert found["rmse"] == pytest.approx(mean_squared_error(actual, forecast) ** 0.5)
    assert found["mae"] == pytest.approx(mean_absolute_error(actual, forecast))
    assert found["r2"] == pytest.approx(r2_score(actual, forecast))
    assert found["n"] == 20


def test_r2_of_a_constant_is_undefined() -> None:
    assert np.isnan(scores(np.ones(3), np.zeros(3))["r2"])


def test_correlation_ratio_by_hand() -> None:
    groups = np.array(["a", "a", "b", "b", "", "a"])
    values = np.array([1.0, 3.0, 5.0, 7.0, 100.0, np.nan])
    # Means 2 and 6 around 4: 16 between, of 20 in all.
    assert correlation_ratio(groups, values) == pytest.approx((16 / 20) ** 0.5)


def test_correlation_ratio_of_nothing_is_undefined() -> None:
    assert np.isnan(correlation_ratio(np.array(["a", "b"]), np.array([1.0, 1.0])))
    assert np.isnan(correlation_ratio(np.array([""]), np.array([1.0])))


@pytest.mark.parametrize("students", [10, 169])
def test_folds_are_those_of_scikit_learn(students: int) -> None:
    theirs = RepeatedKFold(n_splits=5, n_repeats=3, random_state=7).split(np.zeros(students))
    for own, (train, test) in zip(repeated_folds(students, 5, 3, 7), theirs, strict=True):
        np.testing.assert_array_equal(own[0], train)
        np.testing.assert_array_equal(own[1], test)


def test_paired_difference_by_hand() -> None:
    # Mean 2, variance 4/3; (1/4 + 1/1) of that is 5/3; t of 3 degrees of freedom.
    found = paired_difference(
        np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.0, 2.0, 0.0]), folds=2
    )
    differences = np.array([1.0, 2.0, 1.0, 4.0])
    error = np.sqrt((1 / 4 + 1) * differences.var(ddof=1))
    assert found.difference == 2
    assert found.p == pytest.approx(2 * stats.t.sf(2 / error, 3))
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 3, loc=2, scale=error))


def test_no_difference_is_none() -> None:
    found = paired_difference(np.ones(10), np.ones(10), folds=5)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


# Ranges and risks -------------------------------------------------------------


def test_coverage_and_width_by_hand() -> None:
    actual = np.array([5.0, 6.0, 7.0, 8.0])
    ranges = np.array([[5.0, 6.0], [6.5, 7.5], [6.0, 8.0], [0.0, 8.0]])
    assert coverage(actual, ranges) == {"coverage": 0.75, "width": 3.0}
    found = coverage(actual, ranges, np.array(["a", "b", "b", ""]))
    assert found["by"] == {
        "a": {"coverage": 1.0, "width": 1.0, "n": 1},
        "b": {"coverage": 0.5, "width": 1.5, "n": 2},
    }


def test_coverage_without_ranges_is_undefined() -> None:
    found = coverage(np.ones(2), np.full((2, 2), np.nan), np.array(["a", "a"]))
    assert np.isnan([found["coverage"], found["width"], found["by"]["a"]["coverage"]]).all()


def test_a_grade_on_the_line_is_not_worse() -> None:
    grades = np.array([5.0, 6.0, 7.0])
    assert worse(grades, 6.0, lower_is_better=False).tolist() == [1, 0, 0]
    assert worse(grades, 6.0, lower_is_better=True).tolist() == [0, 0, 1]
    assert np.isnan(worse(grades, float("nan"), lower_is_better=False)).all()


def test_brier_and_reliability_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    risk = draw.uniform(size=500) ** 2
    happened = (draw.uniform(size=500) < risk).astype(float)
    assert brier(happened, risk) == pytest.approx(brier_score_loss(happened, risk))
    found = reliability(happened, risk)
    assert found["students"].sum() == 500
    # Theirs has bins of one width; ours are made up of those of 0.2 from 0.2 on.
    share, mean = calibration_curve(happened, risk, n_bins=5)
    np.testing.assert_allclose(found["happened"][-4:], share[-4:])
    np.testing.assert_allclose(found["risk"][-4:], mean[-4:])


def test_reliability_leaves_empty_bins_and_undefined_risks_out() -> None:
    found = reliability(np.array([1.0, 0.0, np.nan]), np.array([1.0, 0.01, np.nan]))
    assert found["risk"].tolist() == [0.01, 1.0]
    assert found["happened"].tolist() == [0.0, 1.0]
    assert found["students"].tolist() == [1, 1]
    nothing = reliability(np.full(3, np.nan), np.full(3, np.nan))
    assert [len(values) for values in nothing.values()] == [0, 0, 0]


# Groups -----------------------------------------------------------------------


def test_groups_by_hand() -> None:
    error = np.array([0.5, -0.5, 1.0, 0.0, 0.5, 0.0, 1.0, 9.0])
    groups = np.array(["a"] * 7 + ["b"])
    held = np.array([1.0, 1, 1, 1, 0, 1, 1, 0])
    found = by_group(groups, error**2, error, held)
    assert found["b"] == {"n": 1}
    each, own = found["a"], error[:7]
    assert each["n"] == 7
    assert each["mse"] == pytest.approx((own**2).mean())
    assert each["bias"] == pytest.approx(own.mean())
    expected = stats.ttest_1samp(own, 0).confidence_interval(0.95)
    assert (each["bias_low"], each["bias_high"]) == pytest.approx(tuple(expected))
    assert each["coverage"] == pytest.approx(6 / 7)
    wilson = stats.binomtest(6, 7).proportion_ci(0.95, method="wilson")
    assert (each["coverage_low"], each["coverage_high"]) == pytest.approx(tuple(wilson))


def test_an_errors_interval_does_not_go_below_zero() -> None:
    squared = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    each = by_group(np.array(["a"] * 5), squared, squared, squared)["a"]
    assert each["mse_low"] == 0
    assert each["bias_low"] < 0


def test_of_few_students_and_without_a_group_nothing_is_said() -> None:
    groups = np.array(["few"] * (LEAST - 1) + ["enough"] * LEAST + [""] * 20)
    values = np.ones(len(groups))
    found = by_group(groups, values, values, values)
    assert sorted(found) == ["enough", "few"]
    assert found["few"] == {"n": LEAST - 1}
    assert found["enough"]["coverage"] == 1


def test_the_largest_groups_are_shown() -> None:
    groups = np.repeat([f"{number:02}" for number in range(15)], range(1, 16))
    values = np.ones(len(groups))
    found = by_group(groups, values, values, values)
    assert list(found) == [f"{number:02}" for number in range(15 - SHOWN, 15)]


def test_without_ranges_only_the_coverage_of_groups_is_undefined() -> None:
    values = np.ones(8)
    each = by_group(np.array(["a"] * 8), values, values, np.full(8, np.nan))["a"]
    assert np.isnan([each["coverage"], each["coverage_low"], each["coverage_high"]]).all()
    assert each["mse"] == 1

"""Scores against scikit-learn and by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import RepeatedKFold

from nextsem.scores import correlation_ratio, paired_difference, repeated_folds, scores


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

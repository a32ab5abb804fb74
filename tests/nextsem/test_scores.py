"""Scores against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from nextsem.scores import correlation_ratio, scores


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

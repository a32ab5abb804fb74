"""Ranges and risks against the package crepes, and on errors whose distribution is known."""

import itertools

import numpy as np
import pytest
from crepes import ConformalPredictiveSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem.advice.intervals import ranges, risk
from nextsem.forecaster.calibration import Calibration
from nextsem.students.students import Numbers

GRADES = (0.0, 10.0)
LINE = 6.0


def calibration(residuals: Numbers) -> Calibration:
    """Whose residuals are as they stand, in units of a spread of 1."""
    return Calibration(None, 1.0, {}, {}, {}, {"0": sorted(residuals.tolist())})


def ones(values: Numbers) -> Numbers:
    return np.ones(len(values), dtype=np.int64)


def skewed(number: int, seed: int) -> Numbers:
    return np.random.default_rng(seed).gamma(4, 0.5, number) - 2


@pytest.mark.filterwarnings("ignore:.*too small:UserWarning")
@settings(max_examples=40, deadline=None)
@given(
    number=st.integers(1, 300),
    coverage=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    seed=st.integers(0, 1000),
)
def test_ranges_and_risks_are_those_of_crepes(number: int, coverage: float, seed: int) -> None:
    residuals, draw = skewed(number, seed), np.random.default_rng(seed)
    forecasts, spread = draw.uniform(*GRADES, 30), draw.uniform(0.1, 2, 30)
    own, known = calibration(residuals), ones(forecasts)
    theirs = ConformalPredictiveSystem().fit(residuals, sigmas=np.ones(number))
    expected = theirs.predict_int(
        forecasts, sigmas=spread, confidence=coverage, y_min=GRADES[0], y_max=GRADES[1]
    )
    found = ranges(own, forecasts, spread, known, coverage, GRADES)
    np.testing.assert_allclose(found, expected.clip(*GRADES), atol=1e-12)
    # Theirs counts the new error itself as below, ours by half.
    below = theirs.predict_p(forecasts, LINE, sigmas=spread, smoothing=False)
    found = risk(own, forecasts, spread, known, LINE, False)
    np.testing.assert_allclose(found, below - 0.5 / (number + 1), atol=1e-12)


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_risks_come_true_as_often_as_they_say(lower_is_better: bool) -> None:
    own, actual = calibration(skewed(3000, 0)), skewed(30_000, 1)
    forecasts = np.random.default_rng(2).uniform(4, 8, len(actual))
    found = risk(own, forecasts, ones(actual), ones(actual), LINE, lower_is_better)
    happened = forecasts + actual > LINE if lower_is_better else forecasts + actual < LINE
    for low, high in itertools.pairwise((0, 0.05, 0.2, 0.5, 0.8, 0.95, 1)):
        rows = (found >= low) & (found < high)
        assert rows.sum() > 500
        assert happened[rows].mean() == pytest.approx(found[rows].mean(), abs=0.03)


def test_how_much_is_known_decides_which_errors_count() -> None:
    own = Calibration(None, 1.0, {}, {}, {}, {"0": [-1.0] * 50, "2": [2.0] * 50})
    forecasts, known = np.full(3, 5.0), np.array([1, 2, 7])
    found = ranges(own, forecasts, ones(forecasts), known, 0.5, GRADES)
    assert found.tolist() == [[4, 4], [7, 7], [4, 4]]
    found = risk(own, forecasts, ones(forecasts), known, LINE, False)
    assert found[0] == found[2] > 0.9
    assert found[1] < 0.1


def test_without_a_forecast_there_is_no_range_and_no_risk() -> None:
    own, forecasts = calibration(skewed(60, 0)), np.array([6.0, np.nan])
    given_ = (own, forecasts, ones(forecasts), ones(forecasts))
    assert np.isnan(ranges(*given_, 0.9, GRADES)).tolist() == [[False, False], [True, True]]
    assert np.isnan(risk(*given_, LINE, True)).tolist() == [False, True]

"""Metrics against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nextsem.comparison.metrics import (
    LEAST,
    by_group,
    correlation_ratio,
    errors,
    line_of_risk,
    reliability,
    within,
    worse,
)


def test_correlation_ratio_by_hand() -> None:
    groups = np.array(["a", "a", "b", "b", "", "a"])
    values = np.array([1.0, 3.0, 5.0, 7.0, 100.0, np.nan])
    # Means 2 and 6 around 4: 16 between, of 20 in all.
    assert correlation_ratio(groups, values) == pytest.approx((16 / 20) ** 0.5)


def test_what_is_of_constants_or_of_nothing_is_undefined() -> None:
    for actual in (0, 1):
        assert np.isnan(errors(np.ones(3), np.full(3, actual))["r2"])
    for groups, values in ((["a", "b"], [1.0, 1.0]), ([""], [1.0])):
        assert np.isnan(correlation_ratio(np.array(groups), np.array(values)))


def test_a_grade_at_an_end_of_its_range_is_within() -> None:
    ranges = np.array([[5.0, 6.0], [6.5, 7.5], [6.0, 8.0], [np.nan, np.nan]])
    found = within(np.array([5.0, 6.0, 7.0, 7.0]), ranges)
    np.testing.assert_array_equal(found, [1, 0, 1, np.nan])


def test_a_grade_on_the_line_is_not_worse() -> None:
    grades = np.array([5.0, 6.0, 7.0, np.nan])
    np.testing.assert_array_equal(worse(grades, 6.0, lower_is_better=False), [1, 0, 0, np.nan])
    np.testing.assert_array_equal(worse(grades, 6.0, lower_is_better=True), [0, 0, 1, np.nan])


@pytest.mark.parametrize(("at", "there"), [(6, True), (0, False), (10, False), (12, False)])
def test_there_is_no_risk_where_all_grades_are_on_one_side(at: float, there: bool) -> None:
    line = line_of_risk(at, (0.0, 10.0))
    assert np.isnan(worse(np.array([5.0]), line, lower_is_better=False)[0]) == (not there)


# Risks ------------------------------------------------------------------------


def predicted(risk: list[float] | np.ndarray, happened: object, repeats: int = 1) -> pd.DataFrame:
    """One forecast of each student in each repeat."""
    count = len(risk)
    table = pd.DataFrame({"student": range(count), "risk": risk, "happened": happened})
    return pd.concat([table.assign(repeat=each) for each in range(1, repeats + 1)])


def test_reliability_by_hand() -> None:
    risk = np.repeat([0.01, 0.3, 0.9], 5)
    happened = [0.0] * 5 + [1.0, 0, 0, 0, 1] + [1.0] * 5
    found = reliability(predicted(risk, happened, repeats=2))
    assert found["risk"].tolist() == pytest.approx([0.01, 0.3, 0.9])
    assert found["happened"].tolist() == pytest.approx([0, 0.4, 1])
    assert found["forecasts"].tolist() == [5, 5, 5]


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 3))
def test_no_bin_is_of_few_students_and_none_is_lost(risk: list[float], repeats: int) -> None:
    found = reliability(predicted(risk, 1.0, repeats))
    assert (found["forecasts"] >= LEAST).all()
    assert found["risk"].is_monotonic_increasing
    assert found["forecasts"].sum() == pytest.approx(len(risk) if len(risk) >= LEAST else 0)


def test_many_forecasts_of_few_students_make_no_bin() -> None:
    table = predicted([0.5] * 40, 1.0).assign(student=lambda rows: rows["student"] % (LEAST - 1))
    assert reliability(table).empty


# Groups -----------------------------------------------------------------------


def test_groups_by_hand() -> None:
    error = np.array([0.5, -0.5, 1.0, 0.0, 0.5, 0.0, 1.0, 9.0])
    groups = np.array(["a"] * 7 + [""])
    held = np.array([1.0, 1, 1, 1, 0, 1, 1, 0])
    (name, each), *none = by_group(groups, error**2, error, held).items()
    own = error[:7]
    assert (name, each["n"], none) == ("a", 7, [])
    assert each["mse"] == pytest.approx((own**2).mean())
    assert each["bias"] == pytest.approx(own.mean())
    expected = stats.ttest_1samp(own, 0).confidence_interval(0.95)
    assert (each["bias_low"], each["bias_high"]) == pytest.approx(tuple(expected))
    assert each["coverage"] == pytest.approx(6 / 7)
    wilson = stats.binomtest(6, 7).proportion_ci(0.95, method="wilson")
    assert (each["coverage_low"], each["coverage_high"]) == pytest.approx(tuple(wilson))

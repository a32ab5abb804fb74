"""Ranges and risks against the package crepes, and on errors whose distribution is known."""

import itertools

import numpy as np
import pytest
from crepes import ConformalPredictiveSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from nextsem.intervals import Intervals, patterns
from nextsem.students import Numbers, Texts

GRADES = [0.0, 10.0]
SPREADS = {"a": 0.2, "b": 0.5, "c": 1.5}


def errors(students: int, seed: int) -> tuple[Numbers, Texts]:
    """Skewed errors around 0, and the categories that they are more or less wide in."""
    draw = np.random.default_rng(seed)
    categories = draw.choice(list(SPREADS), students).astype(str)
    spread = np.array([SPREADS[category] for category in categories])
    return (draw.gamma(4, 0.5, students) - 2) * spread, categories


def calibrated(students: int = 60, seed: int = 0) -> Intervals:
    residuals, categories = errors(students, seed)
    return Intervals.of(residuals, "College", categories)


def spread_of(intervals: Intervals, categories: Texts) -> Numbers:
    return intervals.spread_of(categories, np.ones((len(categories), 4), dtype=bool))


@pytest.mark.filterwarnings("ignore:.*too small:UserWarning")
@settings(max_examples=40, deadline=None)
@given(
    students=st.integers(1, 300),
    coverage=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    seed=st.integers(0, 1000),
)
def test_ranges_and_risks_are_those_of_crepes(students: int, coverage: float, seed: int) -> None:
    residuals, categories = errors(students, seed)
    own = Intervals.of(residuals, "College", categories)
    _, asked = errors(30, seed + 1)
    forecasts = np.random.default_rng(seed).uniform(*GRADES, len(asked))
    line = 6.0
    theirs = ConformalPredictiveSystem().fit(residuals, sigmas=spread_of(own, categories))
    spread = spread_of(own, asked)
    expected = theirs.predict_int(
        forecasts, sigmas=spread, confidence=coverage, y_min=GRADES[0], y_max=GRADES[1]
    )
    np.testing.assert_allclose(
        own.ranges(forecasts, spread, coverage, GRADES), expected.clip(*GRADES), atol=1e-12
    )
    # Theirs counts the new error itself as below, ours by half.
    below = theirs.predict_p(forecasts, line, sigmas=spread, smoothing=False)
    half = 0.5 / (students + 1)
    np.testing.assert_allclose(own.risk(forecasts, spread, line, False), below - half, atol=1e-12)


def test_ranges_hold_the_share_that_they_are_to_hold() -> None:
    """For exchangeable errors of one kind that is exact, however few they are."""
    count, coverage, tries = 40, 0.9, 3000
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(tries):
        residuals = draw.exponential(1, count + 1) - 1
        own = Intervals.of(residuals[:-1], None, np.full(count, ""))
        spread = own.spread_of(np.array([""]), np.ones((1, 4), dtype=bool))
        low, high = own.ranges(np.zeros(1), spread, coverage, [-100, 100])[0]
        held += low <= residuals[-1] <= high
    least, error = coverage, np.sqrt(0.9 * 0.1 / tries)
    assert least - 3 * error <= held / tries <= least + 2 / (count + 1) + 3 * error


def test_every_category_is_covered_whatever_its_spread() -> None:
    own = calibrated(10_000)
    actual, categories = errors(30_000, seed=1)
    spread = spread_of(own, categories)
    low, high = own.ranges(np.zeros(len(actual)), spread, 0.9, [-100, 100]).T
    for category, size in SPREADS.items():
        rows = categories == category
        within = (actual[rows] >= low[rows]) & (actual[rows] <= high[rows])
        assert within.mean() == pytest.approx(0.9, abs=0.02)
        assert (high - low)[rows][0] == pytest.approx(size * 3.3, rel=0.1)


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_risks_come_true_as_often_as_they_say(lower_is_better: bool) -> None:
    own, line = calibrated(3000), 6.0
    actual, categories = errors(30_000, seed=1)
    forecasts = np.random.default_rng(2).uniform(4, 8, len(actual))
    risk = own.risk(forecasts, spread_of(own, categories), line, lower_is_better)
    happened = forecasts + actual > line if lower_is_better else forecasts + actual < line
    for low, high in itertools.pairwise((0, 0.05, 0.2, 0.5, 0.8, 0.95, 1)):
        rows = (risk >= low) & (risk < high)
        assert rows.sum() > 500
        assert happened[rows].mean() == pytest.approx(risk[rows].mean(), abs=0.03)


def test_risks_of_either_side_add_up_and_are_never_certain() -> None:
    own, forecasts = calibrated(), np.linspace(0, 10, 101)
    spread = np.full(len(forecasts), own.spread)
    below, above = (own.risk(forecasts, spread, 6.0, side) for side in (False, True))
    np.testing.assert_allclose(below + above, 1)
    assert (np.diff(below) <= 0).all()
    assert below.min() > 0
    assert below.max() < 1


def test_a_grade_on_the_line_is_not_beyond_it() -> None:
    own = Intervals.of(np.array([-1.0, 0.0, 1.0]), None, np.full(3, ""))
    spread = np.array([own.spread])
    assert own.risk(np.array([6.0]), spread, 6.0, False).tolist() == [(1 + 0.5) / 4]
    assert own.risk(np.array([6.0]), spread, 6.0, True).tolist() == [(1 + 0.5) / 4]


def test_too_few_residuals_give_the_whole_grade_range() -> None:
    own = calibrated(18)
    assert own.ranges(np.array([6.0]), np.ones(1), 0.9, [1, 5]).tolist() == [[1, 5]]
    assert own.ranges(np.array([6.0]), np.ones(1), 0.9, GRADES).tolist() == [GRADES]
    low, high = own.ranges(np.array([6.0]), np.array([0.1]), 0.5, GRADES)[0]
    assert 0 < low < high < 10


def test_ranges_stay_within_the_grades_and_grow_with_coverage() -> None:
    own, forecasts = calibrated(400), np.array([0.0, 5.0, 10.0])
    spread = np.full(3, own.spread)
    wider = [own.ranges(forecasts, spread, coverage, GRADES) for coverage in (0.5, 0.8, 0.9, 0.99)]
    for inner, outer in itertools.pairwise(wider):
        assert (inner[:, 0] >= outer[:, 0]).all()
        assert (inner[:, 1] <= outer[:, 1]).all()
    assert wider[-1].min() == 0
    assert wider[-1].max() == 10


def test_a_new_or_missing_category_gets_the_usual_spread() -> None:
    own = calibrated(300)
    found = spread_of(own, np.array(["a", "new", "", "c"]))
    residuals, _ = errors(300, 0)
    assert own.spread == pytest.approx(np.sqrt(np.mean(residuals**2)))
    assert found[1] == found[2] == own.spread
    assert found[0] < own.spread < found[3]


def test_a_small_categorys_spread_is_pooled_with_everyones() -> None:
    residuals = np.array([*([1.0, -1.0] * 50), 9.0])
    categories = np.array(["large"] * 100 + ["small"])
    own = Intervals.of(residuals, "College", categories)
    usual = np.mean(residuals**2)
    assert own.spread == pytest.approx(np.sqrt(usual))
    # One residual of 9, and five usual ones.
    assert own.spreads["small"] == pytest.approx(np.sqrt((81 + 5 * usual) / 6))
    assert own.spreads["large"] == pytest.approx(np.sqrt((100 + 5 * usual) / 105))


def test_forecasts_without_any_error_give_ranges_of_no_width() -> None:
    own = Intervals.of(np.zeros(50), "College", np.array(["a", "b"] * 25))
    spread = spread_of(own, np.array(["a"]))
    assert own.ranges(np.array([7.0]), spread, 0.9, GRADES).tolist() == [[7, 7]]
    assert np.isfinite(own.risk(np.array([7.0]), spread, 6.0, False)).all()


# Gaps -------------------------------------------------------------------------


def test_patterns_are_all_runs_but_the_whole() -> None:
    found = {"".join("1" if each else "0" for each in pattern) for pattern in patterns(4)}
    assert found == {
        *("1000", "0100", "0010", "0001"),
        *("1100", "0110", "0011"),
        *("1110", "0111"),
    }
    assert patterns(1) == []


def test_how_much_wider_a_gap_makes_it() -> None:
    own = calibrated()
    own.gaps.update({"1000": 2.0, "0010": 1.6, "0011": 1.2, "1100": 1.4})

    def wider(known: str) -> float:
        mask = np.array([[each == "1" for each in known]])
        return float(own.spread_of(np.array([""]), mask)[0] / own.spread)

    assert wider("1111") == 1
    assert wider("0011") == pytest.approx(1.2)  # as measured
    assert wider("1010") == pytest.approx(1.6)  # not measured: it knows more than 1000 and 0010
    assert wider("1011") == pytest.approx(1.2)
    assert wider("0001") == pytest.approx(2.0)  # less than any that was measured
    assert wider("0000") == pytest.approx(2.0)


def test_gaps_that_were_not_measured_widen_nothing() -> None:
    own = calibrated()
    known = np.array([[True, False, True, True]])
    assert own.spread_of(np.array(["new"]), known).tolist() == [own.spread]

"""How large an error is to be expected: by term, by what is known, by category."""

import numpy as np
import pytest

from nextsem.forecaster.calibration import Calibration

SPREADS = {"a": 0.2, "b": 0.5, "c": 1.5}


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of forecasts of places 1 to 4, in categories that they are more or less wide in."""
    random = np.random.default_rng(seed)
    categories = random.choice(list(SPREADS), count).astype(str)
    places = random.integers(1, 5, count)
    spread = np.array([SPREADS[each] for each in categories]) * (1 + places / 4)
    return random.normal(size=count) * spread, places, categories


def test_the_spread_follows_the_term_and_the_category() -> None:
    errors, places, categories = drawn(20_000)
    own = Calibration.of(errors, places, places, "College", categories)
    for name, size in SPREADS.items():
        for place in (1, 4):
            one = own.spread(np.array([place]), np.array([place]), np.array([name]))
            assert one[0] == pytest.approx(size * (1 + place / 4), rel=0.1)
    scaled = errors / own.spread(places, places, categories)
    assert scaled.std() == pytest.approx(1, abs=0.02)


def test_a_new_category_and_a_term_not_seen_have_the_usual_spread() -> None:
    errors, places, categories = drawn(5000)
    own = Calibration.of(errors, places, places, "College", categories)
    new = own.spread(np.array([4, 9]), np.array([4, 9]), np.array(["z", "z"]))
    assert new[0] == pytest.approx(errors[places == 4].std(), rel=0.05)
    assert new[1] == new[0]


def test_with_less_known_than_there_are_terms_before_the_spread_is_no_smaller() -> None:
    random = np.random.default_rng(1)
    places = np.repeat([1, 2, 3], 400)
    errors = random.normal(size=1200) * np.array([2.0, 1.0, 0.5])[places - 1]
    own = Calibration.of(errors, places, places, None, np.full(1200, ""))
    spread = own.spread(np.array([3, 3, 3]), np.array([3, 2, 1]), np.array(["", "", ""]))
    assert spread.tolist() == pytest.approx([0.5, 1.0, 2.0], rel=0.1)


def test_few_residuals_lean_on_the_usual_spread() -> None:
    errors, places, categories = drawn(2000)
    few = np.where(np.arange(2000) < 2, "few", categories)
    errors[:2] = 0.0
    own = Calibration.of(errors, places, places, "College", few)
    spread = own.spread(places[:1], places[:1], np.array(["few"]))
    assert spread[0] > 0.5 * errors[places == places[0]].std()


def test_many_known_grades_with_residuals_enough_have_their_own_errors() -> None:
    random = np.random.default_rng(0)
    known = np.repeat([1, 2], 3000)
    errors = np.where(known == 1, random.normal(size=6000), random.exponential(size=6000) - 1)
    own = Calibration.of(errors, known, known, None, np.full(6000, ""))
    (first, symmetric), (second, skewed) = own.residuals_for(np.array([1, 2, 2]))
    assert first.tolist() == [True, False, False]
    assert second.tolist() == [False, True, True]
    assert np.quantile(symmetric, 0.05) < -1.5
    assert np.quantile(skewed, 0.05) > -1.1

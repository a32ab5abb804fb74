"""How large an error is to be expected: by term, by what is known, by category, by the forecast."""

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


def of(
    errors: np.ndarray,
    places: np.ndarray,
    by: str | None,
    categories: np.ndarray,
    forecasts: np.ndarray | None = None,
    lower_is_better: bool = False,
    as_new: np.ndarray | None = None,
) -> Calibration:
    """Calibrated on errors that follow neither the forecast nor the disagreement, unless given."""
    usual = np.full(len(errors), 5.0)
    forecasts = usual if forecasts is None else forecasts
    as_new = errors if as_new is None else as_new
    more = (by, categories, forecasts, usual, lower_is_better, as_new)
    return Calibration.of(errors, places, places, *more)


def spread(
    own: Calibration,
    places: np.ndarray,
    known: np.ndarray,
    categories: np.ndarray,
    forecasts: np.ndarray | None = None,
) -> np.ndarray:
    usual = np.full(len(places), 5.0)
    forecasts = usual if forecasts is None else forecasts
    return own.spread(places, known, categories, forecasts, usual)


def test_the_spread_follows_the_term_and_the_category() -> None:
    errors, places, categories = drawn(20_000)
    own = of(errors, places, "College", categories)
    for name, size in SPREADS.items():
        for place in (1, 4):
            one = spread(own, np.array([place]), np.array([place]), np.array([name]))
            assert one[0] == pytest.approx(size * (1 + place / 4), rel=0.1)
    scaled = errors / spread(own, places, places, categories)
    assert scaled.std() == pytest.approx(1, abs=0.02)


def test_a_new_category_counts_as_one_of_the_widest_and_as_not_known() -> None:
    """Without its category, a student of b is forecast with errors twice as large."""
    errors, places, categories = drawn(5000)
    as_new = np.where(categories == "b", 2 * errors, errors)
    own = of(errors, places, "College", categories, as_new=as_new)
    new, missing, c, a = (
        spread(own, np.array([4]), np.array([4]), np.array([name])) for name in ("z", "", "c", "a")
    )
    assert new == missing
    assert a < 0.5 * new
    assert new == pytest.approx(c, rel=0.2)
    later = spread(own, np.array([9]), np.array([9]), np.array(["z"]))
    assert later == pytest.approx(errors[places == 4].std(), rel=0.05)


def test_with_less_known_than_there_are_terms_before_the_spread_is_no_smaller() -> None:
    random = np.random.default_rng(1)
    places = np.repeat([1, 2, 3], 400)
    errors = random.normal(size=1200) * np.array([2.0, 1.0, 0.5])[places - 1]
    own = of(errors, places, None, np.full(1200, ""))
    found = spread(own, np.array([3, 3, 3]), np.array([3, 2, 1]), np.array(["", "", ""]))
    assert found.tolist() == pytest.approx([0.5, 1.0, 2.0], rel=0.1)


def test_few_residuals_lean_on_the_usual_spread() -> None:
    errors, places, categories = drawn(2000)
    few = np.where(np.arange(2000) < 2, "few", categories)
    errors[:2] = 0.0
    own = of(errors, places, "College", few)
    found = spread(own, places[:1], places[:1], np.array(["few"]))
    assert found[0] > 0.5 * errors[places == places[0]].std()


def test_many_known_grades_with_residuals_enough_have_their_own_errors() -> None:
    random = np.random.default_rng(0)
    known = np.repeat([1, 2], 3000)
    errors = np.where(known == 1, random.normal(size=6000), random.exponential(size=6000) - 1)
    own = of(errors, known, None, np.full(6000, ""))
    groups = own.residuals_for(np.array([1, 2, 2]), np.full(3, 5.0))
    (first, symmetric), (second, skewed) = groups
    assert first.tolist() == [True, False, False]
    assert second.tolist() == [False, True, True]
    assert np.quantile(symmetric, 0.05) < -1.5
    assert np.quantile(skewed, 0.05) > -1.1


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_where_grades_are_worst_errors_are_larger_and_of_own_shape(lower_is_better: bool) -> None:
    """The weakest tenth leave with a zero as often as not: others' ranges would not hold theirs."""
    random = np.random.default_rng(0)
    forecasts, places = random.uniform(2, 10, 4000), np.full(4000, 3)
    weak = forecasts > 8 if lower_is_better else forecasts < 4
    errors = random.normal(size=4000) * 0.3
    leave = weak & (random.random(4000) < 0.4)
    errors[leave] += 4.0 if lower_is_better else -4.0
    half, none = np.arange(4000) < 2000, np.full(2000, "")
    own = of(errors[half], places[half], None, none, forecasts[half], lower_is_better)
    spreads = spread(own, places[~half], places[~half], none, forecasts[~half])
    assert spreads[weak[~half]].mean() > 2 * spreads[~weak[~half]].mean()
    inside = np.zeros(2000, dtype=bool)
    for rows, residuals in own.residuals_for(places[~half], forecasts[~half]):
        scaled = errors[~half][rows] / spreads[rows]
        low, high = np.quantile(residuals, [0.05, 0.95])
        inside[rows] = (scaled >= low) & (scaled <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.03)
    assert inside[weak[~half]].mean() > 0.85


def test_few_residuals_tell_nothing_of_how_errors_follow_the_forecast() -> None:
    random = np.random.default_rng(0)
    forecasts, places = random.uniform(2, 10, 12), np.full(12, 3)
    own = of(random.normal(size=12), places, None, np.full(12, ""), forecasts)
    spreads = spread(own, places, places, np.full(12, ""), forecasts)
    assert spreads.max() < 1.5 * spreads.min()


def test_a_season_of_larger_errors_has_wider_ranges() -> None:
    """Summer grades scatter three times as much; a new season counts as the usual one."""
    random = np.random.default_rng(0)
    seasons = np.where(random.random(4000) < 0.2, "summer", "autumn")
    errors = random.normal(size=4000) * np.where(seasons == "summer", 1.5, 0.5)
    places, usual, none = np.full(4000, 2), np.full(4000, 5.0), np.full(4000, "")
    known = (places, places, None, none, usual, usual, False, errors, [seasons])
    own = Calibration.of(errors, *known)
    sizes = [
        own.spread(*(each[:1] for each in (places, places, none, usual, usual)), [np.array([name])])
        for name in ("summer", "autumn", "winter")
    ]
    summer, autumn, winter = (float(size[0]) for size in sizes)
    assert summer == pytest.approx(3 * autumn, rel=0.1)
    assert autumn < winter < summer
